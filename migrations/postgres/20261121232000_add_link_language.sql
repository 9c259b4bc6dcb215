-- The language of the mails that carried a link, so that the page behind it can speak it, too.
--
-- Safe under the previous release: it knows nothing of the column. The links it makes have no language, and their pages
-- go by the browser's wish.

-- The primary subtag of the reader's locale (BCP 47), such as `de`; none where the directory has no locale.
ALTER TABLE reconnect_links ADD COLUMN language TEXT;

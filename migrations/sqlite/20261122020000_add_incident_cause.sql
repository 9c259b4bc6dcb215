-- What an incident's account broke for, as it was when the incident was opened. The account keeps only what the provider
-- says now, and of one that works again that is nothing: whatever had come back was reported as broken for no reason.
--
-- Safe under the previous release, which knows neither column: an incident that it opens meanwhile has neither, and is
-- reported under the reason `other` and with no auth config.

-- The code of what the provider's reason pointed at, and the product's auth config. Written when the incident is opened,
-- and when old news becomes news of another account; never otherwise.
ALTER TABLE incidents ADD COLUMN reason TEXT;
ALTER TABLE incidents ADD COLUMN auth_config TEXT;

-- What there is, as well as it is known: what the account's last change to something else than working said, up to the
-- opening; where none is kept, what is said of the account now, which says nothing of one that works again.
UPDATE incidents SET
    reason = COALESCE(
        (SELECT t.reason FROM transitions t WHERE t.user_id = incidents.user_id AND t.account_id = incidents.account_id
            AND t.at <= incidents.opened_at AND t.to_condition <> 'healthy' ORDER BY t.at DESC, t.run_id DESC LIMIT 1),
        (SELECT a.reason FROM accounts a WHERE a.user_id = incidents.user_id AND a.account_id = incidents.account_id
            AND a.condition <> 'healthy'),
        'other'),
    auth_config = COALESCE(
        (SELECT a.auth_config FROM accounts a WHERE a.user_id = incidents.user_id
            AND a.account_id = incidents.account_id),
        '');

-- What an operator did to deliveries by hand (`reconnectd outbox redeliver` and `cancel`).
--
-- Safe under the previous release: it names the columns it inserts, so the new one takes its default; it
-- reads rows by name; and it knows nothing of the new table. It would count a redelivered delivery's
-- attempts from its first one, and so give it up after one more attempt: too early, never twice.

-- How many attempts had been made when the delivery was last put back: its allowance of attempts is
-- counted from there, while their numbers go on.
ALTER TABLE deliveries ADD COLUMN attempts_before_redelivery BIGINT NOT NULL DEFAULT 0;

-- Listing the newest of a state and counting a state read the index alone, whatever was delivered before.
CREATE INDEX deliveries_by_state ON deliveries (state, created_at, delivery_id);

-- Who put a delivery back or called it off, and when; append-only. `attempts` is how many there had been.
CREATE TABLE operator_actions (
    delivery_id TEXT COLLATE "C" NOT NULL REFERENCES deliveries (delivery_id),
    number      BIGINT NOT NULL,
    action      TEXT COLLATE "C" NOT NULL CHECK (action IN ('redelivered', 'cancelled')),
    operator    TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    PRIMARY KEY (delivery_id, number)
);

//! Behaviour of the whole, against real servers: one file per behaviour, shared fixtures in `support`.

mod support;

mod architecture;
mod binary;
mod channels_email;
mod channels_webhook;
mod config;
mod crashes;
mod delivery;
mod deploy_grafana;
mod deploy_prometheus;
mod directory;
mod docs;
mod events;
mod golden_mails;
mod http;
mod jobs;
mod mail_connections;
mod metrics;
mod old_news;
mod oncall;
mod outbox;
mod policy;
mod provider;
mod random_walks;
mod scan;
mod schedule;
mod sends;
mod simulator;
mod store;
mod suppression;
mod upgrade;
mod walks;
mod year;

//! The schema's history, embedded in the binary: forward-only, the same names for both dialects.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};

macro_rules! migration {
    ($dialect:literal, $version:literal, $name:literal) => {
        Migration::new(
            $version,
            Cow::Borrowed($name),
            MigrationType::Simple,
            sqlx::SqlStr::from_static(include_str!(concat!(
                "../../migrations/",
                $dialect,
                "/",
                $version,
                "_",
                $name,
                ".sql"
            ))),
            false,
        )
    };
}

/// The migrations of the SQLite state database.
pub(super) fn sqlite() -> Migrator {
    Migrator::with_migrations(vec![
        migration!("sqlite", 20_261_121_000_000, "create_state"),
        migration!("sqlite", 20_261_121_140_000, "add_operator_actions"),
        migration!("sqlite", 20_261_121_160_000, "add_notice_policy"),
        migration!("sqlite", 20_261_121_200_000, "add_schedule"),
        migration!("sqlite", 20_261_121_220_000, "add_reconnect_page"),
        migration!("sqlite", 20_261_121_230_000, "add_report_history"),
        migration!("sqlite", 20_261_121_231_000, "add_report_indexes"),
        migration!("sqlite", 20_261_121_232_000, "add_link_language"),
        migration!("sqlite", 20_261_122_020_000, "add_incident_cause"),
    ])
}

/// The migrations of the PostgreSQL state database.
pub(super) fn postgres() -> Migrator {
    Migrator::with_migrations(vec![
        migration!("postgres", 20_261_121_000_000, "create_state"),
        migration!("postgres", 20_261_121_140_000, "add_operator_actions"),
        migration!("postgres", 20_261_121_160_000, "add_notice_policy"),
        migration!("postgres", 20_261_121_200_000, "add_schedule"),
        migration!("postgres", 20_261_121_220_000, "add_reconnect_page"),
        migration!("postgres", 20_261_121_230_000, "add_report_history"),
        migration!("postgres", 20_261_121_231_000, "add_report_indexes"),
        migration!("postgres", 20_261_121_232_000, "add_link_language"),
        migration!("postgres", 20_261_122_020_000, "add_incident_cause"),
    ])
}

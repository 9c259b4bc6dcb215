//! The right to run: one row, fenced by a growing token, expiring by the database's clock.
//!
//! A process that dies leaves a row that expires; whoever takes it next gets a higher token, and the dead
//! process's late writes are refused because they still carry the old one.

use std::time::Duration;

use super::{StoreError, Work, sql};

/// A lease that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// What it is the right to do.
    pub name: &'static str,
    /// Grows with every new holder.
    pub token: i64,
}

/// Somebody else holds the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHeld {
    /// Who, as they named themselves.
    pub holder: String,
    /// For how long, unless it is renewed.
    pub remaining: Duration,
}

impl Work {
    /// Takes the lease `name` for `ttl`, if it is free or has expired.
    pub async fn take_lease(
        &mut self,
        name: &'static str,
        holder: &str,
        ttl: Duration,
    ) -> Result<Result<Lease, LeaseHeld>, StoreError> {
        let take = sql("INSERT INTO leases (name, holder, token, expires_at) VALUES ($1, $2, 1, {now} + $3) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at, \
             token = leases.token + 1 WHERE leases.expires_at <= {now} RETURNING token");
        let rows = self.session.fetch(take.bind(name).bind(holder).bind(ttl_ms(ttl))).await?;
        if let Some(row) = rows.first() {
            return Ok(Ok(Lease { name, token: row.int("token")? }));
        }
        let read = sql("SELECT holder, expires_at - {now} AS remaining FROM leases WHERE name = $1");
        let rows = self.session.fetch(read.bind(name)).await?;
        let row = rows.first().ok_or_else(|| StoreError::Unreadable("a lease row vanished".into()))?;
        let remaining = Duration::from_millis(u64::try_from(row.int("remaining")?).unwrap_or(0));
        Ok(Err(LeaseHeld { holder: row.text("holder")?, remaining }))
    }

    /// Who holds the lease `name`; none where it is free or has expired.
    pub async fn lease_holder(&mut self, name: &str) -> Result<Option<LeaseHeld>, StoreError> {
        let read = sql("SELECT holder, expires_at - {now} AS remaining FROM leases WHERE name = $1");
        let rows = self.session.fetch(read.bind(name)).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let remaining = u64::try_from(row.int("remaining")?).unwrap_or(0);
        let remaining = Duration::from_millis(remaining);
        Ok((!remaining.is_zero()).then_some(LeaseHeld { holder: row.text("holder")?, remaining }))
    }

    /// Renews a held lease within this transaction, or fails with [`StoreError::LeaseLost`]: so that
    /// everything else the transaction writes is written under the lease or not at all.
    pub async fn renew_lease(&mut self, lease: &Lease, ttl: Duration) -> Result<(), StoreError> {
        let renew = sql("UPDATE leases SET expires_at = {now} + $3 WHERE name = $1 AND token = $2");
        match self.session.execute(renew.bind(lease.name).bind(lease.token).bind(ttl_ms(ttl))).await? {
            1 => Ok(()),
            _ => Err(StoreError::LeaseLost),
        }
    }

    /// Gives a lease back at once. Does nothing if it passed to somebody else.
    pub async fn release_lease(&mut self, lease: &Lease) -> Result<(), StoreError> {
        let release = sql("UPDATE leases SET expires_at = 0 WHERE name = $1 AND token = $2");
        self.session.execute(release.bind(lease.name).bind(lease.token)).await?;
        Ok(())
    }
}

fn ttl_ms(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}

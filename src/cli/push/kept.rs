//! What a push remembers of a service from run to run: what was looked up, quotas, whose token it was.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::error::Failure;
use crate::push::http::{Bucket, Quota};
use crate::push::lookup::{Cache, account};
use crate::push::settings::Secret;
use crate::store::{Store, push as ledger};
use crate::time::Timestamp;

/// What is remembered of a service, in the database.
pub(super) struct Kept {
    store: Store,
    destination: &'static str,
}

const QUOTA: &str = "quota";
const TOKEN: &str = "token";

impl Kept {
    pub(super) fn open(app: &App, destination: &'static str) -> Result<Self, Failure> {
        Ok(Self { store: app.open()?, destination })
    }

    /// What is known of the quotas of an account: each token has its own.
    pub(super) fn quotas(&self, account: &str, now: Timestamp) -> Vec<Quota> {
        let read = |bucket: Bucket| -> Option<Quota> {
            let text = self.get(QUOTA, &of(account, bucket))?;
            let value: Value = serde_json::from_str(&text).ok()?;
            let resets_at = Timestamp::parse(value.get("resets_at")?.as_str()?)?;
            let remaining = value.get("remaining")?.as_i64()?;
            let status = value.get("status")?.as_u64().and_then(|it| it.try_into().ok())?;
            Quota { bucket, remaining, resets_in: Duration::ZERO, status }
                .remembered(resets_at, now)
        };
        [Bucket::Me, Bucket::Workspace].into_iter().filter_map(read).collect()
    }

    pub(super) fn keep_quotas(&mut self, account: &str, quotas: &[Quota], now: Timestamp) {
        for quota in quotas {
            let text = json!({
                "remaining": quota.remaining,
                "resets_at": quota.resets_at(now),
                "status": quota.status,
            });
            self.put(QUOTA, &of(account, quota.bucket), &text.to_string());
        }
    }

    /// Whether the last push was with another token.
    pub(super) fn is_other_token(&self, token: &Secret) -> bool {
        self.get(TOKEN, "").is_some_and(|last| last != hashed(token))
    }

    /// From now on, this token was the last.
    pub(super) fn keep_token(&mut self, token: &Secret) {
        self.put(TOKEN, "", &hashed(token));
    }
}

/// Whatever the address: a service may move.
fn hashed(token: &Secret) -> String {
    account("", token)
}

fn of(account: &str, bucket: Bucket) -> String {
    let bucket = match bucket {
        Bucket::Me => "me",
        Bucket::Workspace => "workspace",
    };
    format!("{account} {bucket}")
}

impl Cache for Kept {
    fn get(&self, kind: &str, key: &str) -> Option<String> {
        ledger::cached(self.store.conn(), self.destination, kind, key).ok().flatten()
    }

    /// What cannot be kept is looked up again.
    fn put(&mut self, kind: &str, key: &str, text: &str) {
        let Ok(tx) = self.store.write() else { return };
        if ledger::cache(&tx, self.destination, kind, key, text).is_ok() {
            drop(tx.commit());
        }
    }
}

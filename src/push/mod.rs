//! # Push: reviewed time on its way to billing systems
//!
//! ```text
//! streams ─▶ gather ─▶ bill ─▶ filter ─▶ plan ─────────────▶ run ─▶ destination
//!            what it   billed  privacy   create, update,     one request after
//!            is called time              remove, or nothing  the other, noted
//!            there                       ▲                   before and after
//!                                  ledger┘ ◀─────────────────┘
//! ```
//!
//! Money depends on three things, and each has one place:
//!
//! - **The right time.** [`bill`] turns worked time into billed time, the same for every destination.
//! - **Exactly once.** [`run`] commits each request to the ledger before it is sent and its outcome
//!   after, and asks the service about those without one before it sends anything.
//! - **Nothing that is not to leave.** A [`Destination`] takes entries that have passed the privacy
//!   filter ([`crate::privacy::Safe`]); others it cannot be given.
//!
//! A new destination is a file with a [`Destination`] and a row in [`DESTINATIONS`].

pub mod bill;
pub mod clockify;
pub mod csv;
pub mod destination;
pub mod entry;
pub mod gather;
pub mod http;
pub mod lookup;
pub mod plan;
pub mod run;
pub mod settings;
pub mod toggl;

use std::io::Write;

pub use destination::{Destination, Keeps, Remote, Trouble};
pub use entry::Entry;
use http::{Access, Unusable};
use lookup::{Lookups, Past};
use settings::{Service, Settings};

/// A destination.
#[derive(Clone, Copy)]
pub struct Info {
    /// Its name in the config, in `push_log`, and as a flag.
    pub key: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What kind it is.
    pub kind: Kind,
}

/// What a destination is.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Rows in a text, which nobody is asked for again.
    Rows(for<'a> fn(&'a mut dyn Write) -> Box<dyn Destination + 'a>),
    /// A service that keeps entries.
    Service(ServiceInfo),
}

/// A billing service.
#[derive(Clone, Copy)]
pub struct ServiceInfo {
    /// The variable that has the token.
    pub token_variable: &'static str,
    /// The key that has it in the config.
    pub token_key: &'static str,
    /// Where people find it.
    pub token_page: &'static str,
    /// The variable that has the address.
    pub url_variable: &'static str,
    /// The address otherwise.
    pub base_url: &'static str,
    /// Its part of the config.
    pub settings: fn(&Settings) -> &Service,
    /// A client for it.
    pub open: for<'a> fn(Access<'a>) -> Result<Box<dyn Destination + 'a>, Unusable>,
    /// What must be looked up before entries can be sent.
    pub lookups: CountLookups,
}

/// How many requests come before those of the entries.
pub type CountLookups = fn(Past<'_>, &[&Entry]) -> Lookups;

/// THE table of destinations.
pub const DESTINATIONS: [Info; 3] = [
    Info {
        key: "toggl",
        title: "Toggl",
        kind: Kind::Service(ServiceInfo {
            token_variable: "TOGGL_TOKEN",
            token_key: "api_token",
            token_page: "https://track.toggl.com/profile",
            url_variable: "TT_TOGGL_URL",
            base_url: toggl::BASE_URL,
            settings: |settings| &settings.toggl,
            open: |access| Ok(Box::new(toggl::Toggl::new(access)?)),
            lookups: |past, entries| toggl::lookups(past, entries.iter().copied()),
        }),
    },
    Info {
        key: "clockify",
        title: "Clockify",
        kind: Kind::Service(ServiceInfo {
            token_variable: "CLOCKIFY_TOKEN",
            token_key: "api_key",
            token_page: "https://app.clockify.me/manage-api-keys",
            url_variable: "TT_CLOCKIFY_URL",
            base_url: clockify::BASE_URL,
            settings: |settings| &settings.clockify,
            open: |access| Ok(Box::new(clockify::Clockify::new(access)?)),
            lookups: |past, entries| clockify::lookups(past, entries.iter().copied()),
        }),
    },
    Info { key: "csv", title: "CSV", kind: Kind::Rows(|out| Box::new(csv::Csv::new(out))) },
];

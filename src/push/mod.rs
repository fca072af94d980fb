//! Time entries on their way to billing systems.

pub mod clockify;
pub mod destination;
pub mod entry;
pub mod http;
pub mod lookup;
pub mod settings;
pub mod toggl;

pub use destination::{Destination, Keeps, Remote, Trouble};
pub use entry::Entry;

//! Time entries on their way to billing systems.

pub mod destination;
pub mod entry;
pub mod settings;

pub use destination::{Destination, Keeps, Remote, Trouble};
pub use entry::Entry;

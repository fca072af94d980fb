//! Time entries on their way to billing systems.

pub mod bill;
pub mod csv;
pub mod destination;
pub mod entry;
pub mod gather;
pub mod plan;
pub mod run;
pub mod settings;

pub use destination::{Destination, Keeps, Remote, Trouble};
pub use entry::Entry;

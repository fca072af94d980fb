//! The mark of a value that was checked.

use std::ops::Deref;

/// A value in which nothing is wrong any more. Only the check itself can make one.
#[derive(Clone, Debug)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    /// Called by [`super::lower::check`] once nothing is an error.
    pub(super) const fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for Checked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

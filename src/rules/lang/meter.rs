//! Work counted in steps, so that an answer does not depend on the machine.

/// How much work may still be done, and how much was.
#[derive(Clone, Debug)]
pub struct Meter {
    limit: u64,
    spent: u64,
}

/// The work allowed is used up; whatever was asked has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exhausted;

impl Meter {
    /// A meter that allows so many steps.
    #[must_use]
    pub const fn new(limit: u64) -> Self {
        Self { limit, spent: 0 }
    }

    /// Counts steps.
    ///
    /// # Errors
    ///
    /// When there are not as many left; all that were left are then spent.
    pub const fn spend(&mut self, steps: u64) -> Result<(), Exhausted> {
        if self.limit - self.spent < steps {
            self.spent = self.limit;
            return Err(Exhausted);
        }
        self.spent += steps;
        Ok(())
    }

    /// The steps counted so far.
    #[must_use]
    pub const fn spent(&self) -> u64 {
        self.spent
    }

    /// The steps that may still be taken.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.limit - self.spent
    }
}

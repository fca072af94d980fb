//! What went wrong, in words for people, and the exit status it means.

use std::io;
use std::process::ExitCode;

use crate::collect::spool::SpoolError;
use crate::import::ImportError;
use crate::period::PeriodError;
use crate::refresh::RefreshError;
use crate::store::StoreError;

/// Why a command stopped.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was called wrongly: exit status 2.
    Usage(String),
    /// A check could not look at what it was to check: exit status 2.
    Broken(String),
    /// It failed: exit status 1. What went wrong, where, and what to do.
    Failed(String),
    /// Another command holds the database: exit status 1.
    Busy,
    /// What was found has been shown already: exit status 1.
    Found,
    /// Whoever read the output has had enough: exit status 0.
    ClosedPipe,
}

/// What commands return.
pub(super) type Outcome = Result<(), Failure>;

impl Failure {
    /// Shows it, and gives the exit status.
    #[must_use]
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::ClosedPipe => ExitCode::SUCCESS,
            Self::Found => ExitCode::from(1),
            Self::Busy => Self::Failed(StoreError::Busy.to_string()).report(),
            Self::Failed(text) => {
                super::say(&format!("Error: {text}"));
                ExitCode::from(1)
            }
            Self::Usage(text) | Self::Broken(text) => {
                super::say(&format!("Error: {text}"));
                ExitCode::from(2)
            }
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Failed(format!("cannot write the output: {error}")),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy,
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<SpoolError> for Failure {
    fn from(error: SpoolError) -> Self {
        Self::Failed(format!("{error}\n  Nothing was changed. Check the folder and free space."))
    }
}

impl From<RefreshError> for Failure {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Store(error) => error.into(),
            RefreshError::Spool(error) => error.into(),
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Read { .. } => Self::Failed(error.to_string()),
        }
    }
}

impl From<PeriodError> for Failure {
    fn from(error: PeriodError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(format!("cannot write JSON: {error}"))
    }
}

//! # Findings: what is wrong in a file, as data
//!
//! A *finding* says something about the user's file; an *error* stops an operation. Stages push
//! findings into a [`Sink`] and go on, so that one run reports every mistake; only the façade of
//! the rules decides whether to stop.
//!
//! A finding is data to the last moment. The renderers in [`render`] turn it into what a person or
//! a program reads, and the headline alone must make sense, because it is also the owner's line
//! `Error: config.toml line 7: …`.
//!
//! INVARIANT (order): findings come sorted by place, severity and code, so the same file gives the
//! same bytes in every run.
//!
//! Codes live in one table, [`code`].

pub mod code;
pub mod level;
pub mod render;
pub mod source;
pub mod suggest;

pub use code::{Code, Severity};
pub use level::{Level, Levels};
pub use source::{Position, SourceFile, Span};

/// A place with what is to be said about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words, shown beside the place; may be empty.
    pub text: String,
}

/// A change to the file that would mend it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// What it does, as something to do: `write 'primary_cwd'`.
    pub title: String,
    /// What to replace.
    pub span: Span,
    /// By what.
    pub replacement: String,
    /// Whether it may be made without asking.
    pub safety: Safety,
}

/// Whether an edit may be made without asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Safety {
    /// It does what was meant, and nothing that the finding does not say.
    Safe,
    /// It takes something away that a person may want to keep.
    Unsafe,
}

/// One thing to know about the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What kind of mistake it is.
    pub code: Code,
    /// How bad it is: as its code says, unless a level was set for it.
    pub severity: Severity,
    /// One line that stands alone, without file and line.
    pub headline: String,
    /// Lines printed under the headline as they are.
    pub details: Vec<String>,
    /// Where it is.
    pub primary: Label,
    /// Other places that belong to it.
    pub secondary: Vec<Label>,
    /// Background.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// A change that is certain to be what was meant.
    pub edit: Option<Edit>,
}

impl Finding {
    /// A finding at `span`; the rest is added by the methods below.
    #[must_use]
    pub fn new(code: Code, span: Span, headline: impl Into<String>) -> Self {
        let primary = Label { span, text: String::new() };
        Self {
            code,
            severity: code.severity(),
            headline: headline.into(),
            details: Vec::new(),
            primary,
            secondary: Vec::new(),
            notes: Vec::new(),
            help: None,
            edit: None,
        }
    }

    /// Whether it stops the rules from compiling.
    #[must_use]
    pub const fn stops(&self) -> bool {
        matches!(self.code.severity(), Severity::Error)
    }

    /// Says `text` beside the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Adds a line under the headline.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn beside(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Adds background.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds background, if there is any.
    #[must_use]
    pub fn notes_of(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Offers another word in place of that at `span`.
    #[must_use]
    pub fn edit(mut self, span: Span, replacement: impl Into<String>) -> Self {
        let replacement = replacement.into();
        let title = format!("write {}", quote(&replacement));
        self.edit = Some(Edit { title, span, replacement, safety: Safety::Safe });
        self
    }
}

/// Where stages leave their findings.
#[derive(Default, Debug)]
pub struct Sink {
    findings: Vec<Finding>,
}

impl Sink {
    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Adds the finding, if there is one.
    pub fn extend(&mut self, finding: Option<Finding>) {
        self.findings.extend(finding);
    }

    /// How many findings there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// Whether nothing was found so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether any finding so far stops the rules.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::stops)
    }

    /// All findings, in order.
    #[must_use]
    pub fn into_findings(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| {
            let Finding { code, primary, .. } = finding;
            (primary.span.start, finding.severity, *code, primary.span.end)
        });
        self.findings
    }
}

/// User text in single quotes, fit for one line: control characters escaped, long text cut.
#[must_use]
pub fn quote(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut out = String::from("'");
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out.push('\'');
    out
}

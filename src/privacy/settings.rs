//! `[privacy]` of the config, read as a whole or not at all.
//!
//! Other tables tolerate what they do not know. Here a misspelt key, or a table whose name is
//! nearly `privacy`, would let things leave that a person believes are kept, so all of it is an
//! error, and with an error nothing leaves.
//!
//! INVARIANT (nothing by mistake): [`Settings`] come from a file without any mistake in what
//! concerns the filter.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::token::Class;
use super::{globs, paths};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Finding, SourceFile, Span, quote};
use crate::rules::{Pattern, Text};

const KEYS: [&str; 3] = ["include", "exclude", "obfuscate"];
/// Top-level keys of others that resemble ours.
const OTHERS: [&str; 4] = ["rules", "inference", "push", "llm"];

/// What `[privacy]` says.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where there are any, only what one of them matches leaves.
    pub include: Vec<Glob>,
    /// What any of them matches does not leave.
    pub exclude: Vec<Glob>,
    /// What leaves as tokens.
    pub obfuscate: BTreeSet<Class>,
    /// The directories that `~` stands for.
    pub homes: Vec<String>,
}

/// A glob and how it was written.
#[derive(Clone, Debug)]
pub struct Glob {
    /// As it stands in the config.
    pub written: String,
    /// Its line there.
    pub line: usize,
    /// It matches where any of these does.
    pub patterns: Vec<Pattern>,
}

type Value<'d> = &'d toml::Spanned<DeValue<'d>>;

impl Settings {
    /// Reads `[privacy]` of a config file; `homes` is what `~` stands for.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the file; never nothing.
    pub fn read(file: &SourceFile, homes: &[String]) -> Result<Self, Vec<Finding>> {
        let document = DeTable::parse(file.text()).map_err(|error| {
            let span = Span::from(error.span().unwrap_or_default());
            let why = error.message().replace('`', "'");
            vec![
                Finding::new(Code::TomlSyntax, span, "TOML parse error").detail(format!("  {why}")),
            ]
        })?;
        let mut settings = Self::default();
        for home in homes.iter().map(|home| paths::plain(home)) {
            if !settings.homes.contains(&home) {
                settings.homes.push(home);
            }
        }
        let mut reader = Reader { file, settings, findings: Vec::new() };
        for (key, value) in document.get_ref() {
            let (name, span) = (key.get_ref().as_ref(), Span::from(key.span()));
            match value.get_ref() {
                DeValue::Table(table) if name == "privacy" => reader.table(table),
                _ if name == "privacy" => reader.wrong_type(value, "'privacy'", "a table"),
                _ => reader.elsewhere(name, span),
            }
        }
        let Reader { settings, mut findings, .. } = reader;
        findings.sort_by_key(|finding| finding.primary.span);
        if findings.is_empty() { Ok(settings) } else { Err(findings) }
    }

    /// Whether everything leaves as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty() && self.obfuscate.is_empty()
    }

    /// Whether anything may leave in other words than it has here.
    #[must_use]
    pub fn rewrites(&self) -> bool {
        !self.exclude.is_empty() || !self.obfuscate.is_empty()
    }
}

struct Reader<'f> {
    file: &'f SourceFile,
    settings: Settings,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "include" => self.settings.include = self.globs("'include'", value),
                "exclude" => self.settings.exclude = self.globs("'exclude'", value),
                "obfuscate" => self.classes(value),
                other => {
                    let headline = format!("unknown key {} in [privacy]", quote(other));
                    self.unknown(headline, other, Span::from(key.span()), ("keys", &KEYS));
                }
            }
        }
    }

    /// Keys beside `[privacy]` that are likely meant for it.
    fn elsewhere(&mut self, name: &str, span: Span) {
        let code = Code::UnknownKey;
        if KEYS.contains(&name) {
            let headline = format!("{} stands outside of [privacy]", quote(name));
            let detail = "  Write it below the line [privacy].";
            self.findings.push(Finding::new(code, span, headline).detail(detail));
        } else if !OTHERS.contains(&name) && nearest(name, ["privacy"]).is_some() {
            let headline = format!("unknown table {}", quote(name));
            let detail = "  Did you mean: privacy?";
            self.findings.push(Finding::new(code, span, headline).detail(detail));
        }
    }

    fn texts(&mut self, what: &str, value: Value<'_>) -> Vec<Text> {
        let DeValue::Array(list) = value.get_ref() else {
            self.wrong_type(value, what, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for value in list.iter() {
            match value.get_ref() {
                DeValue::String(text) => {
                    texts.push(Text::new(text, self.file.text(), value.span().into()));
                }
                _ => self.wrong_type(value, &format!("every value of {what}"), "a text"),
            }
        }
        texts
    }

    fn globs(&mut self, what: &str, value: Value<'_>) -> Vec<Glob> {
        let mut globs = Vec::new();
        for text in self.texts(what, value) {
            let line = self.file.line(text.span.start);
            match globs::patterns(&text, &self.settings.homes) {
                Ok(patterns) => globs.push(Glob { written: text.text, line, patterns }),
                Err(findings) => self.findings.extend(findings),
            }
        }
        globs
    }

    fn classes(&mut self, value: Value<'_>) {
        for text in self.texts("'obfuscate'", value) {
            match Class::ALL.iter().find(|class| class.name() == text.text) {
                Some(class) => drop(self.settings.obfuscate.insert(*class)),
                None => {
                    let headline = format!("cannot obfuscate {}", quote(&text.text));
                    let names = Class::ALL.map(Class::name);
                    self.unknown(headline, &text.text, text.span, ("values", &names));
                }
            }
        }
    }

    fn unknown(&mut self, headline: String, word: &str, at: Span, (what, known): (&str, &[&str])) {
        let mut detail = format!("  Valid {what}: {}.", known.join(", "));
        if let Some(meant) = nearest(word, known.iter().copied()) {
            detail.push_str(&format!(" Did you mean: {meant}?"));
        }
        self.findings.push(Finding::new(Code::UnknownKey, at, headline).detail(detail));
    }

    fn wrong_type(&mut self, value: Value<'_>, what: &str, expected: &str) {
        let headline = format!("{what} must be {expected}");
        self.findings.push(Finding::new(Code::WrongType, value.span().into(), headline));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, Vec<String>> {
        let file = SourceFile::new("config.toml", text);
        Settings::read(&file, &["/home/u".to_owned()]).map_err(|findings| {
            let line = |it: &Finding| {
                let at = file.line(it.primary.span.start);
                format!("{at}: {} {}", it.headline, it.details.concat()).trim().to_owned()
            };
            findings.iter().map(line).collect()
        })
    }

    #[test]
    fn reads_its_table_and_leaves_others_alone() {
        let settings = read(
            "[other]\nexclude = 1\n[push]\nround = '6m'\n[privacy]\nexclude = ['~/a', 'b*']\n\
             obfuscate = ['titles', 'paths', 'titles']\n",
        )
        .unwrap();
        assert!(settings.exclude[0].patterns[0].matches("/home/u/a"));
        assert_eq!((settings.exclude[1].written.as_str(), settings.exclude[1].line), ("b*", 6));
        assert_eq!(settings.obfuscate, [Class::Paths, Class::Titles].into());
        assert!(
            read("").unwrap().is_empty() && read("[privacy]\ninclude = []").unwrap().is_empty()
        );
    }

    #[test]
    fn every_mistake_is_an_error_with_its_place() {
        let wrong = |text: &str| read(text).unwrap_err();
        assert_eq!(
            wrong("[privacy]\nexclud = []\nobfuscate = ['path']\ninclude = ['~/[a', 1]\n"),
            [
                "2: unknown key 'exclud' in [privacy]   \
                 Valid keys: include, exclude, obfuscate. Did you mean: exclude?",
                "3: cannot obfuscate 'path'   \
                 Valid values: paths, projects, branches, titles. Did you mean: paths?",
                "4: invalid glob pattern '~/[a'   Unclosed bracket in pattern",
                "4: every value of 'include' must be a text",
            ]
        );
        assert_eq!(wrong("privacy = 1"), ["1: 'privacy' must be a table"]);
        assert_eq!(wrong("[privacy]\nexclude = '~/a'"), ["2: 'exclude' must be a list of texts"]);
        assert_eq!(
            wrong("[privacy]\nexclude = ['']"),
            ["2: invalid glob pattern ''   Empty pattern"]
        );
        assert_eq!(wrong("[pirvacy]"), ["1: unknown table 'pirvacy'   Did you mean: privacy?"]);
        assert!(wrong("exclude = []")[0].contains("outside of [privacy]"));
        assert!(wrong("[[privacy]]")[0].contains("must be a table"));
        assert!(wrong("[privacy]\nexclude = [").len() == 1);
        assert!(wrong("[Privacy]")[0].contains("privacy?"));
        assert!(
            wrong("[privacy]\n\ninclude = ['~bob/x']")[0].starts_with("3: '~bob/x' is no path")
        );
        let file = SourceFile::new("config.toml", "[privacy]\nexclude = ['~/a']");
        let homes = ["/home/./v/../u/", "/home/u", "/w"].map(str::to_owned);
        assert_eq!(Settings::read(&file, &homes).unwrap().homes, ["/home/u", "/w"]);
        assert!(Settings::read(&file, &[]).unwrap_err()[0].headline.contains("no directory"));
    }
}

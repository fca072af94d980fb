//! Settings of inference, how other machines are reached, and which model suggests tags: what of
//! `config.toml` is not about rules.
//!
//! A file that cannot be read as a whole gives no settings at all; what to do then is the caller's
//! decision: time must not be allocated by half a file.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

const MINUTE: Millis = 60_000;

/// Applications whose windows are terminals: a focus on one returns to the last tmux pane.
const TERMINALS: [&str; 24] = [
    "alacritty",
    "apple_terminal",
    "com.mitchellh.ghostty",
    "contour",
    "foot",
    "ghostty",
    "gnome-terminal",
    "gnome-terminal-server",
    "hyper",
    "iterm",
    "iterm2",
    "kitty",
    "konsole",
    "org.wezfurlong.wezterm",
    "rio",
    "st",
    "tabby",
    "terminal",
    "terminator",
    "tilix",
    "tmux",
    "urxvt",
    "wezterm",
    "xterm",
];

/// How events become streams and time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Events of one root that lie further apart are two streams.
    pub gap: Millis,
    /// How long attention lasts beyond a focus, scroll or message.
    pub attention_window: Millis,
    /// How long an agent works beyond a tool use that nothing follows: not at all; a use that
    /// follows within this time shows that it worked in between.
    pub agent_timeout: Millis,
    /// Names of applications that are terminals, any case.
    pub terminals: Vec<String>,
    /// Home directories: streams there take no other in.
    pub homes: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            gap: 30 * MINUTE,
            attention_window: 5 * MINUTE,
            agent_timeout: 30 * MINUTE,
            terminals: TERMINALS.map(str::to_owned).to_vec(),
            homes: Vec::new(),
        }
    }
}

#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    inference: Inference,
    #[serde(default)]
    rules: Rules,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Inference {
    gap: Option<String>,
    attention_window: Option<String>,
    agent_timeout: Option<String>,
    terminals: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
struct Rules {
    #[serde(default)]
    homes: Vec<String>,
}

impl Settings {
    /// Reads the settings out of a config file's text. `home` is `$HOME`.
    ///
    /// # Errors
    /// A sentence that says where and what is wrong; no setting of the file holds then.
    pub fn read(text: &str, home: Option<&str>) -> Result<Self, String> {
        let file: File = read(text)?;
        let mut settings = Self { homes: file.rules.homes, ..Self::default() };
        settings.homes.extend(home.map(str::to_owned));
        settings.homes.sort();
        settings.homes.dedup();
        let slots = [
            ("gap", file.inference.gap, &mut settings.gap),
            ("attention_window", file.inference.attention_window, &mut settings.attention_window),
            ("agent_timeout", file.inference.agent_timeout, &mut settings.agent_timeout),
        ];
        for (key, text, slot) in slots {
            if let Some(text) = text {
                *slot = duration(&text).ok_or_else(|| {
                    format!(
                        "[inference] {key}: '{text}' is no duration between 1s and 7d, \
                         such as \"30m\" or \"1h 30m\""
                    )
                })?;
            }
        }
        if let Some(terminals) = file.inference.terminals {
            settings.terminals = terminals;
        }
        Ok(settings)
    }

    /// A text that is equal exactly for equal settings.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A config file's text, as far as `T` knows it; else where it is wrong, and why.
fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| 1 + text.get(..span.start).unwrap_or(text).matches('\n').count());
        format!("line {line}: {}", error.message())
    })
}

/// How other machines are reached: `[sync]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sync {
    /// The program that runs a command on another machine, and its first arguments.
    pub ssh: Vec<String>,
    /// What `tt` is called there, in words for the shell of that machine.
    pub remote: String,
}

impl Default for Sync {
    fn default() -> Self {
        Self { ssh: vec!["ssh".to_owned()], remote: "tt".to_owned() }
    }
}

impl Sync {
    /// Reads `[sync]` out of a config file's text.
    ///
    /// # Errors
    /// A sentence that says where and what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            sync: Sync,
        }
        let sync = read::<File>(text)?.sync;
        if sync.ssh.first().is_none_or(|program| program.trim().is_empty()) {
            return Err("[sync] ssh names no program; write ssh = [\"ssh\"]".to_owned());
        }
        if sync.remote.trim().is_empty() {
            return Err("[sync] remote is empty; write remote = \"tt\"".to_owned());
        }
        Ok(sync)
    }
}

/// The language model that suggests tags: `[llm]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Llm {
    /// The program that is asked, and its arguments; empty where there is none.
    pub command: Vec<String>,
    /// How long an answer may take.
    pub timeout: Millis,
}

impl Default for Llm {
    fn default() -> Self {
        Self { command: Vec::new(), timeout: 2 * MINUTE }
    }
}

impl Llm {
    /// Reads `[llm]` out of a config file's text.
    ///
    /// # Errors
    /// A sentence that says where and what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize, Default)]
        #[serde(deny_unknown_fields)]
        struct Table {
            command: Option<toml::Value>,
            timeout: Option<String>,
        }
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            llm: Table,
        }
        let Table { command, timeout } = read::<File>(text)?.llm;
        let mut settings = Self::default();
        if let Some(command) = command {
            settings.command = program(&command)?;
        }
        if let Some(text) = timeout {
            settings.timeout = duration(&text).ok_or_else(|| {
                format!("[llm] timeout: '{text}' is no duration between 1s and 7d, such as \"2m\"")
            })?;
        }
        Ok(settings)
    }
}

/// A program and its arguments: a list of them, or a text that is split at blanks. There is no
/// shell, so a text in which one would see more than words is refused.
fn program(command: &toml::Value) -> Result<Vec<String>, String> {
    const EXAMPLE: &str = "write command = [\"llm\", \"-m\", \"…\"]";
    let words: Option<Vec<String>> = match command {
        toml::Value::String(text) if text.contains(SHELL) => {
            return Err(format!("[llm] command is run without a shell; {EXAMPLE}"));
        }
        toml::Value::String(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
        toml::Value::Array(list) => list.iter().map(|it| it.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    let words = words.ok_or_else(|| format!("[llm] command is no list of texts; {EXAMPLE}"))?;
    match words.first() {
        Some(program) if !program.trim().is_empty() => Ok(words),
        _ => Err(format!("[llm] command names no program; {EXAMPLE}")),
    }
}

/// What means something to a shell.
const SHELL: [char; 10] = ['\'', '"', '\\', '$', '`', '|', '&', ';', '<', '>'];

/// Reads `90s`, `30m`, `1h`, `1h 30m`; from one second to a week.
#[must_use]
pub fn duration(text: &str) -> Option<Millis> {
    let mut total: Millis = 0;
    let mut number: Option<Millis> = None;
    for c in text.chars() {
        match c {
            '0'..='9' => {
                let digit = Millis::from(c.to_digit(10)?);
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            }
            ' ' if number.is_none() => {}
            's' | 'm' | 'h' | 'd' => {
                let unit = match c {
                    's' => MINUTE / 60,
                    'm' => MINUTE,
                    'h' => 60 * MINUTE,
                    _ => 24 * 60 * MINUTE,
                };
                total = total.checked_add(number.take()?.checked_mul(unit)?)?;
            }
            _ => return None,
        }
    }
    (number.is_none() && (1_000..=7 * 24 * 60 * MINUTE).contains(&total)).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("30m"), Some(30 * MINUTE));
        assert_eq!(duration("1h 30m"), Some(90 * MINUTE));
        assert_eq!(duration("90s"), Some(90_000));
        for text in ["", "30", "m", "0m", "8d", "30 m", "-5m", "99999999999999999999h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn reads_its_part_of_the_file() {
        let text = "[inference]\ngap = \"1h\"\n[rules]\nhomes = [\"/home/a\"]\n[push]\nx = 1\n";
        let settings = Settings::read(text, Some("/home/b")).unwrap();
        assert_eq!(settings.gap, 60 * MINUTE);
        assert_eq!(settings.attention_window, 5 * MINUTE);
        assert_eq!(settings.homes, ["/home/a", "/home/b"]);
    }

    #[test]
    fn reads_how_other_machines_are_reached() {
        assert_eq!(Sync::read("[rules]\nhomes = []\n"), Ok(Sync::default()));
        let text = "[sync]\nssh = [\"ssh\", \"-p\", \"2222\"]\nremote = \"~/bin/tt\"\n";
        let sync = Sync::read(text).unwrap();
        assert_eq!((sync.ssh.len(), sync.remote.as_str()), (3, "~/bin/tt"));
        let why = |text: &str| Sync::read(text).unwrap_err();
        assert!(why("[sync]\nshh = []\n").starts_with("line 2: unknown field `shh`"));
        assert!(why("[sync]\nssh = []\n").contains("names no program"));
        assert!(why("[sync]\nremote = \" \"\n").contains("remote is empty"));
    }

    #[test]
    fn reads_which_model_suggests_tags() {
        assert_eq!(Llm::read("[rules]\nhomes = []\n"), Ok(Llm::default()));
        let list =
            Llm::read("[llm]\ncommand = ['llm', '-s', 'a \"b\" $c']\ntimeout = '90s'").unwrap();
        assert_eq!((list.command.len(), list.timeout), (3, 90_000));
        let text = Llm::read("[llm]\ncommand = ' llm  -m small '").unwrap();
        assert_eq!((text.command.join(","), text.timeout), ("llm,-m,small".to_owned(), 2 * MINUTE));
        let why = |text: &str| Llm::read(text).unwrap_err();
        assert!(why("[llm]\ncomand = 'x'\n").starts_with("line 2: unknown field `comand`"));
        for text in ["x | y", "sh -c 'x'", "x > y && z", "$x"] {
            let why = why(&format!("[llm]\ncommand = \"\"\"{text}\"\"\""));
            assert!(why.contains("without a shell"), "{text}: {why}");
        }
        for value in ["[]", "''", "[' ']"] {
            assert!(
                why(&format!("[llm]\ncommand = {value}")).contains("names no program"),
                "{value}"
            );
        }
        for value in ["1", "['x', 1]", "{ x = 1 }"] {
            assert!(
                why(&format!("[llm]\ncommand = {value}")).contains("no list of texts"),
                "{value}"
            );
        }
        assert!(why("[llm]\ntimeout = 'soon'").contains("'soon' is no duration"));
        assert!(why("[llm]\ntimeout = 5").starts_with("line 2: invalid type"));
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let why = |text: &str| Settings::read(text, None).unwrap_err();
        assert!(why("[inference]\ngapp = \"1h\"\n").starts_with("line 2: unknown field `gapp`"));
        assert!(why("[inference]\ngap = \"soon\"\n").contains("'soon' is no duration"));
    }
}

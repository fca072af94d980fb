//! Rules and streams made up the same way every time.

use std::fmt::Write as _;

use tt::rules::Stream;

pub(crate) const HOME: &str = "/home/sami";

/// Numbers that look random and are the same every time (SplitMix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    /// From `least` to `most` letters out of three.
    fn letters(&mut self, least: usize, most: usize) -> String {
        let len = least + self.below(most - least + 1);
        (0..len).map(|_| char::from(b"abc"[self.below(3)])).collect()
    }

    /// Of six letters, in syllables.
    fn word(&mut self) -> String {
        const CONSONANTS: &[u8] = b"bcdfghklmnprstvwz";
        const VOWELS: &[u8] = b"aeiou";
        let mut word = String::new();
        for _ in 0..3 {
            word.push(char::from(CONSONANTS[self.below(CONSONANTS.len())]));
            word.push(char::from(VOWELS[self.below(VOWELS.len())]));
        }
        word
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mix {
    /// 80 % directories, 10 % sessions, 5 % two fields, 5 % a text inside, with or without a class.
    Realistic,
    /// Every pattern has three or four stars.
    MultiStar,
    /// Half words, half ends.
    ExactSuffix,
    /// 8 to 20 letters out of three, with stars around each.
    FewLetters,
}

impl Mix {
    pub(crate) const ALL: [Self; 4] =
        [Self::Realistic, Self::MultiStar, Self::ExactSuffix, Self::FewLetters];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Realistic => "realistic",
            Self::MultiStar => "multi-star",
            Self::ExactSuffix => "exact+suffix",
            Self::FewLetters => "few letters",
        }
    }
}

/// The text fields that the mixes ask about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Field {
    Cwd,
    Session,
    Agent,
}

impl Field {
    pub(crate) const ALL: [Self; 3] = [Self::Cwd, Self::Session, Self::Agent];

    pub(crate) fn values(self, stream: &Stream) -> &[String] {
        match self {
            Self::Cwd => stream.primary_cwd.as_slice(),
            Self::Session => &stream.tmux_session,
            Self::Agent => &stream.agent,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Cwd => "primary_cwd",
            Self::Session => "tmux_session",
            Self::Agent => "agent",
        }
    }
}

/// A rule: all of these globs.
pub(crate) type Rule = Vec<(Field, String)>;

/// Rules, and what streams take their values from.
pub(crate) struct Case {
    pub(crate) rules: Vec<Rule>,
    directories: Vec<String>,
    sessions: Vec<String>,
}

const AGENTS: [&str; 4] = ["claude-code", "codex", "aider", "gemini"];
const BRANCHES: [&str; 6] = ["main", "dev", "fix-login", "release", "docs", "spike"];

impl Case {
    pub(crate) fn new(mix: Mix, count: usize) -> Self {
        let mut numbers = Numbers(count as u64);
        let mut case = Self { rules: Vec::new(), directories: Vec::new(), sessions: Vec::new() };
        // So many words that they are to rules as projects are to clients.
        let words: Vec<_> = (0..(count / 8).clamp(16, 4000)).map(|_| numbers.word()).collect();
        for n in 0..count {
            let rule = match mix {
                Mix::Realistic => case.realistic(n, &words, &mut numbers),
                Mix::MultiStar => case.multi_star(&words, &mut numbers),
                Mix::ExactSuffix => case.exact_suffix(n, &words, &mut numbers),
                Mix::FewLetters => Self::few_letters(&mut numbers),
            };
            case.rules.push(rule);
        }
        case
    }

    fn realistic(&mut self, n: usize, words: &[String], numbers: &mut Numbers) -> Rule {
        let client = &words[numbers.below(words.len())];
        let directory = format!("{HOME}/work/{client}/p{n}");
        let session = format!("{client}-{n}");
        match n % 20 {
            0..16 => {
                self.directories.push(directory.clone());
                vec![(Field::Cwd, format!("{directory}/*"))]
            }
            16..18 => {
                self.sessions.push(session.clone());
                vec![(Field::Session, format!("{session}-*"))]
            }
            18 => {
                self.directories.push(directory.clone());
                let agent = AGENTS[numbers.below(AGENTS.len())];
                vec![(Field::Cwd, format!("{directory}/*")), (Field::Agent, agent.to_owned())]
            }
            _ if n % 40 == 19 => vec![(Field::Cwd, format!("*/{client}{n}*"))],
            _ => vec![(Field::Cwd, format!("*{client}[0-9]q{n}/*"))],
        }
    }

    fn multi_star(&mut self, words: &[String], numbers: &mut Numbers) -> Rule {
        let pieces = 2 + numbers.below(2);
        let mut glob = "*".to_owned();
        for _ in 0..pieces {
            let word = &words[numbers.below(words.len())];
            let from = numbers.below(2);
            write!(glob, "{}*", &word[from..from + 4 + numbers.below(2)]).expect("a string");
        }
        self.directories.push(words[numbers.below(words.len())].clone());
        vec![(Field::Cwd, glob)]
    }

    fn exact_suffix(&mut self, n: usize, words: &[String], numbers: &mut Numbers) -> Rule {
        let word = &words[numbers.below(words.len())];
        if n.is_multiple_of(2) {
            self.sessions.push(format!("{word}-{n}"));
            vec![(Field::Session, format!("{word}-{n}"))]
        } else {
            self.directories.push(format!("{word}{n}"));
            vec![(Field::Cwd, format!("*/{word}{n}"))]
        }
    }

    fn few_letters(numbers: &mut Numbers) -> Rule {
        let letters = numbers.letters(8, 20);
        let glob: String = letters.chars().flat_map(|letter| [letter, '*']).collect();
        vec![(Field::Cwd, format!("*{glob}"))]
    }

    /// The rules as a config file.
    pub(crate) fn toml(&self) -> String {
        let mut out = String::new();
        for rule in &self.rules {
            let conditions: Vec<_> =
                rule.iter().map(|(field, glob)| format!("{} = '{glob}'", field.name())).collect();
            let conditions = conditions.join(", ");
            writeln!(out, "[[rules.auto_tag]]\nmatch = {{ {conditions} }}\ntags = ['t']")
                .expect("a string");
        }
        out
    }

    /// Streams. With `seen`, their values come from a pool of 2,000 directories; else every
    /// directory is another.
    pub(crate) fn streams(&self, mix: Mix, count: usize, seen: bool) -> Vec<Stream> {
        let mut numbers = Numbers(77);
        let pool = if seen { 2_000 } else { count };
        let pool: Vec<_> = (0..pool).map(|n| self.directory(mix, n, &mut numbers)).collect();
        (0..count)
            .map(|n| {
                let directory = if seen { numbers.below(pool.len()) } else { n };
                Stream {
                    primary_cwd: Some(pool[directory].clone()),
                    tmux_session: vec![self.session(&mut numbers)],
                    agent: vec![AGENTS[numbers.below(AGENTS.len())].to_owned()],
                    git_branch: (numbers.below(10) < 7)
                        .then(|| BRANCHES[numbers.below(BRANCHES.len())].to_owned())
                        .into_iter()
                        .collect(),
                    ..Stream::default()
                }
            })
            .collect()
    }

    /// Half of them match some rule.
    fn directory(&self, mix: Mix, n: usize, numbers: &mut Numbers) -> String {
        let known = (!self.directories.is_empty() && numbers.below(2) == 0)
            .then(|| &self.directories[numbers.below(self.directories.len())]);
        let (a, b) = (numbers.word(), numbers.word());
        match (mix, known) {
            (Mix::Realistic, Some(known)) => format!("{known}/{a}{n}"),
            (Mix::MultiStar, Some(known)) => {
                let other = &self.directories[numbers.below(self.directories.len())];
                format!("{HOME}/{known}{n}/{other}")
            }
            (Mix::ExactSuffix, Some(known)) => format!("{HOME}/{a}{n}/{known}"),
            (Mix::FewLetters, _) => numbers.letters(20, 40),
            (_, None) => format!("{HOME}/work/{a}/{b}{n}"),
        }
    }

    fn session(&self, numbers: &mut Numbers) -> String {
        if self.sessions.is_empty() || numbers.below(2) == 0 {
            return format!("s{}", numbers.below(200));
        }
        // As many sessions as someone has in half a year, of those that rules name.
        let at = numbers.below(self.sessions.len().min(400));
        let session = &self.sessions[at * self.sessions.len() / self.sessions.len().min(400)];
        if numbers.below(2) == 0 { session.clone() } else { format!("{session}-x") }
    }
}

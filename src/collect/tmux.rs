//! The tmux hooks: which lines make tmux tell `tt` where the person looks.
//!
//! A hook is read four times before `tt` runs, and each reader has its own special characters:
//!
//! ```text
//! set-hook -g 'pane-focus-in[7070]' "run-shell -b '#{q:@tt-bin} … --pane=#{q:pane_id} …'"
//! └ 1 the config ────────────────── └ 2 the hook ─ └ 3 formats: #{…} ─────────── 4 /bin/sh ┘
//! ```
//!
//! So that the program's path need not survive all four, it is stored once, in the option
//! `@tt-bin`, and put in by the third, with everything else that comes from outside: `#{q:…}`
//! escapes for the shell. Values are written `--flag=#{q:…}`, as an empty one would vanish else.
//!
//! - **Focus.** With `focus-events on`, `pane-focus-in` tells all: switching inside tmux, and coming
//!   back from other windows. Where a person turned it off, three hooks that only say "the selection
//!   changed" stand in; scripts raise them as well, so they count only in a session that somebody is
//!   attached to, and for the window on screen. One switch may raise several: the spool debounces.
//! - **Scrolling.** Copy mode entered; nothing is told per wheel tick.
//! - **Sessions** created and closed.
//!
//! INVARIANT (idempotent): hooks have a fixed index, so a reload replaces them and the hooks of
//! other plugins stay; [`install`] twice is [`install`] once, and keeps all other bytes.
//!
//! INVARIANT (silent): the commands print nothing, succeed always, and are not waited for. tmux
//! would show what they print, or that they failed, over the person's work.
//!
//! Wants tmux 3.0, the first with hooks by index. Directory names with a line end break a hook's
//! command before tmux 3.8, which does not escape them; that focus is not seen then.

use std::path::{Path, PathBuf};

/// The index of our hooks in tmux' arrays: beyond what people and plugins count up to.
const INDEX: u32 = 7070;
const BEGIN: &str = "# >>> tt >>>";
const END: &str = "# <<< tt <<<";

/// Why tmux cannot be told to run a program.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadPath {
    /// tmux would look for it somewhere else.
    #[error("'{}' is not an absolute path, and tmux runs hooks in another directory", .0.display())]
    Relative(PathBuf),
    /// A tmux config is text, in lines.
    #[error(
        "the path '{}' has characters that a tmux config cannot hold; move the program",
        .0.display()
    )]
    Unwritable(PathBuf),
}

/// One hook: when, under which condition (a tmux format, empty for always), and what.
struct Hook {
    name: &'static str,
    when: &'static str,
    ingest: &'static str,
}

/// A pane that was made this moment has no current directory yet (its process is about to start),
/// but does have one to start in.
const FOCUS: &str = "pane-focus --pane=#{q:pane_id} \
                     --cwd=#{?pane_current_path,#{q:pane_current_path},#{q:pane_start_path}} \
                     --session=#{q:session_name} --window=#{q:window_index}";
const SCROLL: &str = "scroll --pane=#{q:pane_id} --session=#{q:session_name}";

/// Somebody looks at this window, and focus events will not say so.
const SELECTED: &str = "#{&&:#{==:#{focus-events},0},#{&&:#{session_attached},#{window_active}}}";
/// Copy mode was entered, not left, and somebody is there.
const SCROLLS: &str = "#{&&:#{pane_in_mode},#{session_attached}}";

const HOOKS: [Hook; 8] = [
    Hook { name: "pane-focus-in", when: "", ingest: FOCUS },
    Hook { name: "client-focus-in", when: "", ingest: FOCUS },
    Hook { name: "window-pane-changed", when: SELECTED, ingest: FOCUS },
    Hook { name: "session-window-changed", when: SELECTED, ingest: FOCUS },
    Hook { name: "client-session-changed", when: SELECTED, ingest: FOCUS },
    Hook { name: "pane-mode-changed", when: SCROLLS, ingest: SCROLL },
    Hook {
        name: "session-created",
        when: "",
        ingest: "session --action=created --session=#{q:hook_session_name}",
    },
    Hook {
        name: "session-closed",
        when: "",
        ingest: "session --action=closed --session=#{q:hook_session_name}",
    },
];

impl Hook {
    /// Its line. As an option and with `-q`, since `set-hook` has none: a hook that an older tmux
    /// does not know (`client-focus-in` before 3.3) is passed over in silence.
    fn line(&self) -> String {
        let Self { name, when, ingest } = self;
        let run = format!("run-shell -b '#{{q:@tt-bin}} ingest {ingest} >/dev/null 2>&1 || true'");
        let command = match *when {
            "" => run,
            when => format!("if-shell -F '{when}' {{ {run} }}"),
        };
        format!("set-option -gq '{name}[{INDEX}]' \"{command}\"\n")
    }
}

/// The block of lines for a tmux config that has tmux run the `tt` at `program`, between markers
/// by which [`install`] and [`remove`] find it again.
///
/// # Errors
/// Where the path is relative, not UTF-8, or holds control characters.
pub fn hook_lines(program: &Path) -> Result<String, BadPath> {
    if !program.is_absolute() {
        return Err(BadPath::Relative(program.to_owned()));
    }
    let path = program
        .to_str()
        .filter(|path| !path.contains(char::is_control))
        .ok_or_else(|| BadPath::Unwritable(program.to_owned()))?;
    let hooks: String = HOOKS.iter().map(Hook::line).collect();
    Ok(format!(
        "{BEGIN}\n\
         # Tells tt which pane you look at; tt init --install writes this again, tmux 3.0 or newer.\n\
         # Attach again for focus events to reach you; terminals other than xterm may need:\n\
         # set -as terminal-features ',*:focus'\n\
         set-option -g focus-events on\n\
         set-option -g @tt-bin {}\n\
         {hooks}{END}\n",
        quote(path)
    ))
}

/// `text` as one word of a tmux config. Nothing is special between single quotes.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r#"'"'"'"#))
}

/// `conf` with `block` in it: in the place of the block that was there, else at the end. All other
/// bytes stay, but for line ends that keep the block apart from a last line without one.
#[must_use]
pub fn install(conf: &str, block: &str) -> String {
    let mut out = String::with_capacity(conf.len() + block.len() + 2);
    let mut placed = false;
    for part in parts(conf) {
        match part {
            Part::Other(text) => out.push_str(text),
            Part::Ours if placed => {}
            Part::Ours => {
                out.push_str(block);
                placed = true;
            }
        }
    }
    if !placed {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        // A line that ends in a backslash would take our first one in.
        if out.trim_end_matches(['\r', '\n']).ends_with('\\') {
            out.push('\n');
        }
        out.push_str(block);
    }
    out
}

/// `conf` without our block, all other bytes as they were.
#[must_use]
pub fn remove(conf: &str) -> String {
    parts(conf)
        .into_iter()
        .map(|part| match part {
            Part::Other(text) => text,
            Part::Ours => "",
        })
        .collect()
}

enum Part<'a> {
    Other(&'a str),
    Ours,
}

/// `conf` cut at our blocks. A marker that has lost its partner goes, but takes nothing along: what
/// stands beside it may be the person's.
fn parts(conf: &str) -> Vec<Part<'_>> {
    let other = |from: usize, to: usize| Part::Other(conf.get(from..to).unwrap_or_default());
    let mut parts = Vec::new();
    let (mut rest, mut at) = (0, 0);
    // Start and end of the last begin marker that waits for its partner.
    let mut begin: Option<(usize, usize)> = None;
    for line in conf.split_inclusive('\n') {
        let end = at + line.len();
        match line.trim_end() {
            BEGIN => {
                if let Some((lost, after)) = begin.replace((at, end)) {
                    parts.push(other(rest, lost));
                    rest = after;
                }
            }
            END => {
                match begin.take() {
                    Some((start, _)) => parts.extend([other(rest, start), Part::Ours]),
                    None => parts.push(other(rest, at)),
                }
                rest = end;
            }
            _ => {}
        }
        at = end;
    }
    if let Some((lost, after)) = begin {
        parts.push(other(rest, lost));
        rest = after;
    }
    parts.push(other(rest, conf.len()));
    parts
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Child, Command, Output, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn block() -> String {
        hook_lines(Path::new("/usr/bin/tt")).unwrap()
    }

    #[test]
    fn the_block() {
        insta::assert_snapshot!(block());
    }

    #[test]
    fn paths_that_tmux_cannot_run() {
        let why = |path: &str| hook_lines(Path::new(path)).unwrap_err().to_string();
        assert!(why("bin/tt").contains("not an absolute path"));
        assert!(why("/a\nb/tt").contains("a tmux config cannot hold"));
    }

    #[test]
    fn an_old_block_is_replaced_where_it_stands() {
        let conf = format!("set -g mouse on\r\n{BEGIN}\nold\n{END}\n\n# end\\");
        let new = install(&conf, &block());
        assert_eq!(new, format!("set -g mouse on\r\n{}\n# end\\", block()));
        assert_eq!(remove(&new), "set -g mouse on\r\n\n# end\\");
    }

    #[test]
    fn blocks_become_one() {
        let conf = format!("a\n{0}b\n{0}c\n", block());
        assert_eq!(install(&conf, &block()), format!("a\n{}b\nc\n", block()));
    }

    #[test]
    fn a_marker_alone_takes_nothing_along() {
        let conf = format!("{END}\n{BEGIN}\nset -g mouse on\n{BEGIN}\nold\n{END}\n# end\n");
        let once = install(&conf, &block());
        assert_eq!(once, format!("set -g mouse on\n{}# end\n", block()));
        assert_eq!(remove(&conf), "set -g mouse on\n# end\n");
    }

    #[test]
    fn the_last_line_stays_a_line() {
        assert_eq!(install("a", "b\n"), "a\nb\n");
        assert_eq!(install("a \\\n", "b\n"), "a \\\n\nb\n");
        assert_eq!(install("", "b\n"), "b\n");
    }

    proptest! {
        #[test]
        fn installing_is_idempotent_and_undone_by_removing(
            lines in prop::collection::vec(
                prop_oneof![
                    "\\PC{0,12}", Just(BEGIN.to_owned()), Just(END.to_owned()), Just("\r".to_owned()),
                ], 0..12),
        ) {
            let conf: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let once = install(&conf, &block());
            prop_assert_eq!(install(&once, &block()), once.clone());
            let (removed, bare) = (remove(&once), remove(&conf));
            prop_assert_eq!(removed.trim_end(), bare.trim_end());
        }
    }

    /// A tmux server of its own, away from the person's.
    struct Server {
        folder: tempfile::TempDir,
        client: Option<Child>,
    }

    impl Server {
        /// `None` where there is no tmux to test with.
        fn start(session: &str, conf: impl FnOnce(&Path) -> String) -> Option<Self> {
            if Command::new("tmux").arg("-V").output().is_err() {
                eprintln!("skipped: no tmux here");
                return None;
            }
            let folder = tempfile::tempdir().unwrap();
            let conf = conf(folder.path());
            fs::write(folder.path().join("tmux.conf"), conf).unwrap();
            let server = Self { folder, client: None };
            let started = server.tmux(&["new-session", "-d", "-s", session]);
            assert!(started.status.success(), "{started:?}");
            Some(server)
        }

        fn command(&self) -> Command {
            let mut command = Command::new("tmux");
            command
                .env_remove("TMUX")
                .env("TERM", "xterm")
                .current_dir(self.folder.path())
                .arg("-S")
                .arg(self.folder.path().join("socket"))
                .arg("-f")
                .arg(self.folder.path().join("tmux.conf"));
            command
        }

        fn tmux(&self, args: &[&str]) -> Output {
            self.command().args(args).output().unwrap()
        }

        /// Attaches a client; the text protocol needs no terminal.
        fn attach(&mut self) {
            let client = self
                .command()
                .args(["-C", "attach"])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            self.client = Some(client);
        }

        fn log(&self) -> String {
            fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
        }

        /// Hooks run in the background; waits for one to write `line`.
        #[track_caller]
        fn sees(&self, line: &str) {
            let start = Instant::now();
            while !self.log().lines().any(|it| it == line) {
                let log = self.log();
                assert!(start.elapsed() < Duration::from_secs(20), "no {line} in\n{log}");
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.tmux(&["kill-server"]);
            if let Some(mut client) = self.client.take() {
                let _ = client.wait();
            }
        }
    }

    /// A program that writes its arguments to `log` in `folder`, then does what a broken one does.
    fn probe(folder: &Path) -> PathBuf {
        let home = folder.join(r#"it's "my" $HOME \ #{pane_id} ; é"#);
        fs::create_dir(&home).unwrap();
        let program = home.join("tt");
        let log = folder.join("log");
        let mut file = fs::File::create(&program).unwrap();
        writeln!(file, "#!/bin/sh").unwrap();
        writeln!(file, "for it; do line=\"$line[$it]\"; done").unwrap();
        writeln!(file, "printf '%s\\n' \"$line\" >> '{}'", log.display()).unwrap();
        writeln!(file, "echo noise; echo noise >&2; exit 3").unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    const THEIRS: &str = "set-hook -g pane-focus-in 'display-message theirs'\n";

    #[test]
    fn a_real_tmux_runs_the_hooks() {
        let session = r#"it's $(id) "x" & \ #;"#;
        let conf = |folder: &Path| install(THEIRS, &hook_lines(&probe(folder)).unwrap());
        let Some(mut server) = Server::start(session, conf) else {
            return;
        };
        // As tmux has it: it keeps some characters out of names.
        let shown = server.tmux(&["display-message", "-p", "#{session_name}"]).stdout;
        let shown = String::from_utf8(shown).unwrap();
        let session = format!("[--session={}]", shown.trim_end());
        server.sees(&format!("[ingest][session][--action=created]{session}"));
        let cwd = fs::canonicalize(server.folder.path()).unwrap();
        let focus = |pane, window| {
            let cwd = cwd.display();
            format!("[ingest][pane-focus][--pane=%{pane}][--cwd={cwd}]{session}[--window={window}]")
        };
        server.attach();
        server.sees(&focus(0, 0));
        server.tmux(&["split-window"]);
        server.sees(&focus(1, 0));
        server.tmux(&["copy-mode"]);
        server.sees(&format!("[ingest][scroll][--pane=%1]{session}"));
        server.tmux(&["send-keys", "-X", "cancel"]);
        server.tmux(&["set-option", "-g", "focus-events", "off"]);
        server.tmux(&["new-window"]);
        server.sees(&focus(2, 1));
        server.tmux(&["split-window"]);
        server.sees(&focus(3, 1));
        // What the program printed and how it ended is nowhere on the screen.
        let mode = server.tmux(&["list-panes", "-a", "-F", "#{pane_in_mode}"]);
        assert_eq!(mode.stdout, b"0\n0\n0\n0\n");
        assert_eq!(server.log().matches("scroll").count(), 1, "{}", server.log());
    }

    #[test]
    fn reloading_neither_complains_nor_doubles() {
        let conf = |folder: &Path| install(THEIRS, &hook_lines(&probe(folder)).unwrap());
        let Some(server) = Server::start("main", conf) else {
            return;
        };
        let conf = server.folder.path().join("tmux.conf");
        for _ in 0..2 {
            let reload = server.tmux(&["source-file", conf.to_str().unwrap()]);
            assert!(reload.status.success(), "{reload:?}");
            assert!(reload.stderr.is_empty() && reload.stdout.is_empty(), "{reload:?}");
        }
        let hooks = server.tmux(&["show-hooks", "-g", "pane-focus-in"]).stdout;
        let hooks = String::from_utf8(hooks).unwrap();
        assert_eq!(hooks.matches("ingest").count(), 1, "{hooks}");
        assert_eq!(hooks.matches("theirs").count(), 1, "{hooks}");
    }

    #[test]
    fn nobody_is_seen_where_nobody_is_attached() {
        let conf = |folder: &Path| hook_lines(&probe(folder)).unwrap();
        let Some(server) = Server::start("main", conf) else {
            return;
        };
        server.tmux(&["set-option", "-g", "focus-events", "off"]);
        server.tmux(&["split-window"]);
        server.tmux(&["new-window"]);
        server.tmux(&["select-pane", "-t", ":0.0"]);
        server.tmux(&["copy-mode"]);
        // Started later than what must not have been started; by then that would have shown.
        server.tmux(&["new-session", "-d", "-s", "second"]);
        server.sees("[ingest][session][--action=created][--session=second]");
        assert!(!server.log().contains("pane-focus"), "{}", server.log());
        assert!(!server.log().contains("scroll"), "{}", server.log());
        server.tmux(&["kill-session", "-t", "second"]);
        server.sees("[ingest][session][--action=closed][--session=second]");
    }
}

//! Events as records that other programs would write.

use serde_json::{Value, json};

/// JSON lines.
pub(crate) fn lines(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

pub(crate) fn focus(at: &str, cwd: &str, session: &str) -> Value {
    json!({"timestamp": at, "type": "tmux_pane_focus", "source": "remote.tmux",
           "cwd": cwd, "data": {"pane_id": "%1", "session_name": session}})
}

pub(crate) fn scroll(at: &str, pane: &str) -> Value {
    json!({"timestamp": at, "type": "tmux_scroll", "source": "remote.tmux",
           "data": {"pane_id": pane, "session_name": "main"}})
}

pub(crate) fn afk(at: &str, status: &str) -> Value {
    json!({"timestamp": at, "type": "afk_change", "source": "local.afk",
           "data": {"status": status}})
}

pub(crate) fn tool(at: &str, cwd: &str, session: &str) -> Value {
    json!({"timestamp": at, "type": "agent_tool_use", "source": "remote.agent", "cwd": cwd,
           "session_id": session, "data": {"agent": "claude-code", "tool": "Bash"}})
}

pub(crate) fn session(at: &str, cwd: &str, session: &str, action: &str) -> Value {
    json!({"timestamp": at, "type": "agent_session", "source": "remote.agent", "cwd": cwd,
           "session_id": session, "data": {"agent": "claude-code", "action": action}})
}

pub(crate) fn message(at: &str, cwd: &str, session: &str) -> Value {
    json!({"timestamp": at, "type": "user_message", "source": "remote.agent", "cwd": cwd,
           "session_id": session, "data": {"agent": "claude-code", "length": 12}})
}

/// An instant so many seconds after the start of 2025, or of another day at midnight UTC.
pub(crate) fn second(day: &str, seconds: u64) -> String {
    let start: chrono::DateTime<chrono::Utc> = format!("{day}T00:00:00Z").parse().unwrap();
    let at = start + chrono::TimeDelta::seconds(i64::try_from(seconds).unwrap());
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `n` events of a busy person with eight agents, every `step` seconds from `day` on: focus,
/// scrolls, messages, tool use, absences.
pub(crate) fn busy(day: &str, n: u64, step: u64) -> Vec<Value> {
    (0..n)
        .map(|i| {
            let at = second(day, i * step);
            let place = (i / 37) % 23;
            let cwd = format!("/nowhere/sami/work/client{}/p{place}", place % 4);
            let agent = format!("s{}-{}", i % 8, i / 900);
            match i % 10 {
                0 | 1 => focus(&at, &cwd, &format!("main-{}", place % 3)),
                2 => message(&at, &cwd, &agent),
                3 => scroll(&at, "%1"),
                4 if i % 300 == 4 => afk(&at, "idle"),
                4 if i % 300 == 34 => afk(&at, "active"),
                _ => tool(&at, &cwd, &agent),
            }
        })
        .collect()
}

//! What Toggl's refusals mean, and what to do about them.

use crate::push::destination::Trouble;
use crate::push::http::Answer;

pub(super) const ADD_WORKSPACE: &str = "Add workspace_id to [push.toggl] in config.toml";
pub(super) const CORRECT_PROJECT: &str =
    "Correct the project in [push.toggl.project_mapping] in config.toml";
const VERIFY_PROJECT: &str = "Verify project exists in Toggl, or set default_project_id in config";
const CHECK_TOKEN: &str = "Check TOGGL_TOKEN, or api_token in [push.toggl] in config.toml";
const CHECK_ADDRESS: &str = "Check base_url and workspace_id in [push.toggl] in config.toml";
const BLOCKED: &str = "Toggl or a proxy turns this machine away; try again later";
const TOO_OLD: &str = "Toggl has given up what this version of tt uses; update tt";

/// A refusal of our own: what Toggl would say to it costs a request.
pub(super) fn by_us(message: String, hint: &str, all: bool) -> Trouble {
    Trouble::Refused { status: 400, message, hint: hint.to_owned(), all }
}

/// What `answer` is, which is no success and said `message`.
pub(super) fn trouble(answer: &Answer, message: String, of_entry: bool) -> Trouble {
    let (hint, all) = match answer.status {
        // Nothing of a wrong address is JSON.
        404 if of_entry && answer.is_json() => return Trouble::Gone,
        401 => (CHECK_TOKEN, true),
        403 if answer.is_page() => (BLOCKED, true),
        403 if answer.says_nothing() || message.contains("username") => (CHECK_TOKEN, true),
        404 => (CHECK_ADDRESS, true),
        410 | 418 => (TOO_OLD, true),
        300..=399 => (CHECK_ADDRESS, true),
        status => hint(status, &message.to_lowercase()),
    };
    Trouble::Refused { status: answer.status, message, hint: hint.to_owned(), all }
}

/// By the words, in lower case.
fn hint(status: u16, said: &str) -> (&'static str, bool) {
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let hint = if has(&["billable"]) {
        "Billable is a paid feature of Toggl; remove billable_tag from [push.toggl]"
    } else if status == 402 || has(&["premium"]) {
        "It is a paid feature of Toggl; upgrade there, or do without"
    } else if has(&["project"]) {
        VERIFY_PROJECT
    } else if has(&["task"]) {
        "The workspace wants a task, which tt cannot send; relax its required fields"
    } else if has(&["workspace_id", "wid is required"]) {
        ADD_WORKSPACE
    } else if has(&["in this period", "locked"]) {
        "The period is locked in Toggl; have it unlocked, or leave it out with --since"
    } else if has(&["tag"]) {
        "Have the tag made by an admin of the workspace, or tag the stream otherwise"
    } else if has(&["999 hours", "stop time", "start time", "duration"]) {
        "Toggl takes no entry of this time; look at the stream with tt streams"
    } else if status == 403 {
        return ("Check workspace_id in [push.toggl], and your rights there", true);
    } else {
        "Toggl stored nothing; change what it names, or push the other streams"
    };
    (hint, false)
}

/// Whether it may come of something that was looked up long ago.
pub(super) fn may_be_outdated(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Refused { status: 403 | 404, .. } => true,
        Trouble::Refused { status: 400, message, .. } => {
            let message = message.to_lowercase();
            message.contains("project") || message.contains("workspace")
        }
        Trouble::Refused { .. }
        | Trouble::Wait { .. }
        | Trouble::Gone
        | Trouble::NotSent { .. }
        | Trouble::Unknown { .. } => false,
    }
}

/// Whether a list was to begin earlier than Toggl lists.
pub(super) fn is_too_early(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Refused { status: 400, message, .. }
        if message.contains("start_date must not be earlier"))
}

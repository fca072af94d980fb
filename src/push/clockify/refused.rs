//! What Clockify's refusals mean, and what to do about them. Its `code` says more than the status,
//! and its words say more than the code.

use crate::push::destination::Trouble;
use crate::push::http::Answer;

pub(super) const ADD_WORKSPACE: &str = "Add workspace_id to [push.clockify] in config.toml";
const VERIFY_PROJECT: &str =
    "Verify project exists in Clockify, or set default_project_id in config";
const CHECK_TOKEN: &str = "Check CLOCKIFY_TOKEN, or api_key in [push.clockify] in config.toml";
const CHECK_ADDRESS: &str = "Check base_url and workspace_id in [push.clockify] in config.toml";
const BLOCKED: &str = "Clockify or a proxy turns this machine away; try again later";
const TIMER_ONLY: &str =
    "The workspace takes the timer only (force timer); nothing can be pushed to it";

/// Codes of Clockify.
const MANUAL_DISABLED: i64 = 4030;
const LOCKED: i64 = 1003;

/// What `answer` is, which is no success and said `message`.
pub(super) fn trouble(answer: &Answer, message: String) -> Trouble {
    let said = message.to_lowercase();
    let code = answer.code();
    let (hint, all) = match answer.status {
        // Never 404: that is a wrong address.
        400 if is_foreign(&said) && said.starts_with("time entry") => return Trouble::Gone,
        400 | 403 if code == Some(MANUAL_DISABLED) || said.contains("manual time tracking") => {
            (TIMER_ONLY, true)
        }
        401 => (CHECK_TOKEN, true),
        403 if answer.is_page() => (BLOCKED, true),
        403 if answer.says_nothing() => (CHECK_TOKEN, true),
        404 | 405 | 300..=399 => (CHECK_ADDRESS, true),
        410 | 418 => ("Clockify has given up what this version of tt uses; update tt", true),
        status => hint(status, &said, code),
    };
    Trouble::Refused { status: answer.status, message, hint: hint.to_owned(), all }
}

/// By the words, in lower case.
fn hint(status: u16, said: &str, code: Option<i64>) -> (&'static str, bool) {
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let hint = if code == Some(LOCKED) || has(&["locked"]) {
        "The period is locked or approved in Clockify; have it unlocked, or leave it out with --since"
    } else if status == 402 || has(&["upgrade", "feature"]) {
        "It is a paid feature of Clockify; upgrade there, or do without"
    } else if has(&["project"]) {
        VERIFY_PROJECT
    } else if has(&["tag"]) {
        "Have the tag made by an admin of the workspace, or tag the stream otherwise"
    } else if has(&["required field"]) {
        "The workspace has required fields; set default_project_id in config, or relax them there"
    } else if has(&["999 hours", "datetime"]) {
        "Clockify takes no entry of this time; look at the stream with tt streams"
    } else if matches!(status, 403 | 406) {
        return ("Check workspace_id in [push.clockify], and your rights there", true);
    } else {
        "Clockify stored nothing; change what it names, or push the other streams"
    };
    (hint, false)
}

fn is_foreign(said: &str) -> bool {
    // The apostrophe of `doesn't` has more than one form.
    said.contains("belong to")
}

/// Whether it may come of something that was looked up long ago.
pub(super) fn may_be_outdated(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Refused { status: 403, .. } => true,
        Trouble::Refused { status: 400, message, .. } => is_foreign(&message.to_lowercase()),
        Trouble::Refused { .. }
        | Trouble::Wait { .. }
        | Trouble::Gone
        | Trouble::NotSent { .. }
        | Trouble::Unknown { .. } => false,
    }
}

/// Whether a tag was to be made that is there.
pub(super) fn is_there_already(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Refused { status: 400, message, .. }
        if message.contains("already exists"))
}

//! When a service may be asked again: what its refusals and its quota headers say of the time to
//! come.
//!
//! INVARIANT (known refusal): while a gate is closed, no request of its bucket is sent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use super::{Answer, BACK_OFF, Unnamed};
use crate::push::destination::Trouble;
use crate::time::Timestamp;

/// How long an hourly quota may last.
const HOUR: Duration = Duration::from_secs(3_600);
/// Clocks may be set back by so much without anything being wrong.
const STEP: Duration = Duration::from_secs(60);
/// Added to what a service says in whole seconds, which it has cut.
const CUT: Duration = Duration::from_secs(1);
const TOO_FAST: &str = "rate limited";
/// The status of requests beyond a quota, unless a service answered with another.
const QUOTA: u16 = 402;
const USED_UP: &str = "hourly quota used up";

/// What shares a quota.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Bucket {
    /// Requests below `/me` of Toggl.
    Me,
    /// All others.
    Workspace,
}

/// An hourly quota, as the last answer told it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    /// Of which requests.
    pub bucket: Bucket,
    /// How many are left; less than 0 where the service does not enforce it.
    pub remaining: i64,
    /// After how long there are more.
    pub resets_in: Duration,
    /// The status of requests beyond it.
    pub status: u16,
}

impl Quota {
    /// What is left of a quota that was met before and opens at `resets_at`; nothing where that is
    /// over. None of an hour opens later than in an hour: the clock was wrong then, or is now.
    #[must_use]
    pub fn remembered(self, resets_at: Timestamp, now: Timestamp) -> Option<Self> {
        let left = u64::try_from(resets_at.millis().saturating_sub(now.millis())).ok()?;
        let resets_in = Duration::from_millis(left);
        (resets_in <= HOUR + STEP).then_some(Self { resets_in, ..self })
    }

    /// When there are more, as far as that is worth remembering.
    #[must_use]
    pub fn resets_at(&self, now: Timestamp) -> Timestamp {
        let left = self.resets_in.min(HOUR + CUT).as_millis();
        now.plus(i64::try_from(left).unwrap_or_default())
    }
}

/// Why a gate is closed.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: u16,
    pub(super) message: String,
    pub(super) until: Instant,
    quota: bool,
}

impl Refusal {
    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    pub(super) fn trouble(&self) -> Trouble {
        let (status, message) = (self.status, self.message.clone());
        Trouble::Wait { status, message, after: self.left(), quota: self.quota }
    }
}

/// The gates of one service.
pub(super) struct Gates {
    unnamed: Unnamed,
    /// The time when the gates were made, and how to tell the time since.
    clock: (Timestamp, Instant),
    too_fast: bool,
    closed: BTreeMap<Bucket, Refusal>,
    /// As the last answers told them, and when they open.
    quotas: BTreeMap<Bucket, (Quota, Instant)>,
}

impl Gates {
    pub(super) fn new(unnamed: Unnamed, now: Timestamp, known: &[Quota]) -> Self {
        let mut gates = Self {
            unnamed,
            clock: (now, Instant::now()),
            too_fast: false,
            closed: BTreeMap::new(),
            quotas: BTreeMap::new(),
        };
        for quota in known.iter().filter(|quota| !quota.resets_in.is_zero()) {
            gates.note(*quota);
        }
        gates
    }

    /// Whether any request was answered 429.
    pub(super) fn was_too_fast(&self) -> bool {
        self.too_fast
    }

    /// Why no request of `bucket` is to be sent now.
    pub(super) fn closed(&self, bucket: Bucket) -> Option<Refusal> {
        self.closed.get(&bucket).filter(|refusal| !refusal.left().is_zero()).cloned()
    }

    pub(super) fn quotas(&self) -> Vec<Quota> {
        let now = Instant::now();
        let quota = |(quota, until): &(Quota, Instant)| Quota {
            resets_in: until.saturating_duration_since(now),
            ..*quota
        };
        self.quotas.values().map(quota).collect()
    }

    /// Learns from an answer, whose words are `text`. The refusal, if it is one for the time being;
    /// `before` counts those that this request has met.
    pub(super) fn see(
        &mut self,
        bucket: Bucket,
        answer: &Answer,
        text: &str,
        before: usize,
    ) -> Option<Refusal> {
        let told = self.told(bucket, answer);
        if let Some(quota) = told {
            self.note(quota);
        }
        let used_up = told.filter(|quota| quota.remaining == 0);
        let refusal = match answer.status {
            429 => self.too_fast(answer, used_up, before),
            402 if is_of_quota(text) || (used_up.is_some() && !is_of_feature(text)) => {
                let named = used_up.map(|quota| quota.resets_in);
                let named = named.or_else(|| self.retry_after(answer)).or_else(|| seconds_in(text));
                refusal(402, text.to_owned(), named.unwrap_or(HOUR) + CUT, true)
            }
            _ => return None,
        };
        if refusal.quota {
            let (status, resets_in) = (refusal.status, refusal.left());
            let quota = Quota { bucket, remaining: 0, resets_in, status };
            self.quotas.insert(bucket, (quota, refusal.until));
            self.closed.insert(bucket, refusal.clone());
        } else {
            self.closed.insert(Bucket::Me, refusal.clone());
            self.closed.insert(Bucket::Workspace, refusal.clone());
        }
        Some(refusal)
    }

    fn too_fast(&mut self, answer: &Answer, used_up: Option<Quota>, before: usize) -> Refusal {
        self.too_fast = true;
        if let Some(quota) = used_up {
            return refusal(429, USED_UP.to_owned(), quota.resets_in + CUT, true);
        }
        let (after, hourly) = match (self.retry_after(answer), self.unnamed, BACK_OFF.get(before)) {
            (Some(after), _, _) => (after, false),
            (None, Unnamed::Wait(after), _) => (after, false),
            (None, Unnamed::Hourly, Some(pause)) => (*pause, false),
            (None, Unnamed::Hourly, None) => (HOUR, true),
        };
        let message = if hourly { USED_UP } else { TOO_FAST };
        refusal(429, message.to_owned(), after, hourly)
    }

    fn note(&mut self, quota: Quota) {
        let until = Instant::now() + quota.resets_in;
        self.quotas.insert(quota.bucket, (quota, until));
        if quota.remaining == 0 {
            let closed = refusal(quota.status, USED_UP.to_owned(), quota.resets_in + CUT, true);
            self.closed.insert(quota.bucket, closed);
        }
    }

    fn told(&self, bucket: Bucket, answer: &Answer) -> Option<Quota> {
        let remaining = answer.header("x-toggl-quota-remaining")?.trim().parse().ok()?;
        let seconds = answer.header("x-toggl-quota-resets-in")?.trim().parse().ok()?;
        Some(Quota { bucket, remaining, resets_in: bounded(seconds), status: QUOTA })
    }

    /// `Retry-After`: seconds, or a date, which is compared with the service's own clock.
    fn retry_after(&self, answer: &Answer) -> Option<Duration> {
        let text = answer.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(bounded(seconds));
        }
        let date = |text: &str| httpdate::parse_http_date(text.trim()).ok();
        let now = answer.header("date").and_then(date).unwrap_or_else(|| self.now());
        Some(date(text)?.duration_since(now).unwrap_or_default())
    }

    fn now(&self) -> SystemTime {
        let (then, since) = self.clock;
        let millis = u64::try_from(then.millis()).unwrap_or_default();
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis) + since.elapsed()
    }
}

fn refusal(status: u16, message: String, after: Duration, quota: bool) -> Refusal {
    Refusal { status, message, until: Instant::now() + after, quota }
}

/// Whatever a service says, it can be added to an instant.
fn bounded(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(366 * 86_400))
}

/// Whether a 402 is about requests.
fn is_of_quota(text: &str) -> bool {
    let text = text.to_lowercase();
    ["hourly limit", "api calls", "quota"].iter().any(|words| text.contains(words))
}

/// Whether a 402 is about something that costs money, however many requests are left.
fn is_of_feature(text: &str) -> bool {
    let text = text.to_lowercase();
    ["premium", "feature", "billable", "upgrade"].iter().any(|words| text.contains(words))
}

/// The seconds that `… reset in 125 seconds` speaks of; minutes too.
fn seconds_in(text: &str) -> Option<Duration> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).find_map(|pair| {
        let &[count, unit] = pair else { return None };
        let count: u64 = count.parse().ok()?;
        let each = match unit {
            _ if unit.starts_with("second") => 1,
            _ if unit.starts_with("minute") => 60,
            _ => return None,
        };
        Some(bounded(count.saturating_mul(each)))
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)]) -> Answer {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let headers: HeaderMap = headers.iter().map(header).collect();
        Answer { status, headers, body: String::new() }
    }

    fn gates(unnamed: Unnamed) -> Gates {
        let now = Timestamp::parse("2025-01-29T18:00:00Z").unwrap();
        Gates::new(unnamed, now, &[])
    }

    /// Seconds to wait, rounded, and whether it is a quota.
    fn seen(gates: &mut Gates, answer: &Answer, text: &str, before: usize) -> Option<(u64, bool)> {
        let refusal = gates.see(Bucket::Workspace, answer, text, before)?;
        let secs = (refusal.left() + Duration::from_millis(500)).as_secs();
        Some((secs, refusal.quota))
    }

    const MINUTE: Unnamed = Unnamed::Wait(Duration::from_secs(60));

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |value, date: Option<&str>| {
            let mut headers = vec![("retry-after", value)];
            headers.extend(date.map(|date| ("date", date)));
            seen(&mut gates(MINUTE), &answer(429, &headers), "", 0).unwrap()
        };
        assert_eq!(after("7", None), (7, false));
        assert_eq!(after("0", None), (0, false));
        assert_eq!(after("Wed, 29 Jan 2025 18:00:30 GMT", None), (30, false));
        assert_eq!(after("Wed, 29 Jan 2025 17:00:00 GMT", None), (0, false), "in the past");
        let date = "Wed, 29 Jan 2025 17:59:50 GMT";
        assert_eq!(after("Wed, 29 Jan 2025 18:00:00 GMT", Some(date)), (10, false));
        assert_eq!(after("soon", None), (60, false));
        assert_eq!(after("99999999999999999", None).0, 366 * 86_400);
    }

    #[test]
    fn a_429_that_names_no_time_is_a_minute_or_after_a_while_an_hour() {
        let plain = answer(429, &[]);
        for before in 0..3 {
            assert_eq!(seen(&mut gates(MINUTE), &plain, "", before), Some((60, false)));
        }
        let mut hourly = gates(Unnamed::Hourly);
        let all = [0, 1, 2].map(|before| seen(&mut hourly, &plain, "", before).unwrap());
        assert_eq!(all, [(1, false), (2, false), (3_600, true)]);
        assert!(hourly.was_too_fast());
    }

    #[test]
    fn a_402_is_a_quota_or_a_feature() {
        let quota =
            answer(402, &[("x-toggl-quota-remaining", "0"), ("x-toggl-quota-resets-in", "90")]);
        assert_eq!(seen(&mut gates(MINUTE), &quota, "", 0), Some((91, true)));
        let text = "You have hit your hourly limit for API calls. It will reset in 125 seconds";
        assert_eq!(seen(&mut gates(MINUTE), &answer(402, &[]), text, 0), Some((126, true)));
        let bare = "Your hourly limit is reached";
        assert_eq!(seen(&mut gates(MINUTE), &answer(402, &[]), bare, 0), Some((3_601, true)));
        let feature = "Billable is a premium feature";
        for left in ["12", "0"] {
            let left = [("x-toggl-quota-remaining", left), ("x-toggl-quota-resets-in", "90")];
            assert_eq!(seen(&mut gates(MINUTE), &answer(402, &left), feature, 0), None);
        }
        assert_eq!(seen(&mut gates(MINUTE), &answer(402, &[]), feature, 0), None);
    }

    #[test]
    fn the_last_of_a_quota_closes_its_own_gate() {
        let mut gates = gates(MINUTE);
        let told = |left| {
            answer(200, &[("x-toggl-quota-remaining", left), ("x-toggl-quota-resets-in", "90")])
        };
        for left in ["2", "1", "-4"] {
            assert!(gates.see(Bucket::Me, &told(left), "", 0).is_none());
            assert!(gates.closed(Bucket::Me).is_none(), "{left} left");
        }
        assert!(gates.see(Bucket::Me, &told("0"), "", 0).is_none());
        assert!(gates.closed(Bucket::Me).unwrap().quota);
        assert!(gates.closed(Bucket::Workspace).is_none());
        let [quota] = gates.quotas()[..] else { panic!() };
        assert_eq!((quota.bucket, quota.remaining), (Bucket::Me, 0));
        assert!(quota.resets_in > Duration::from_secs(85));
    }

    #[test]
    fn being_too_fast_closes_all_gates() {
        let mut gates = gates(MINUTE);
        gates.see(Bucket::Me, &answer(429, &[]), "", 0).unwrap();
        assert!(gates.closed(Bucket::Workspace).is_some());
    }

    #[test]
    fn what_an_earlier_run_met_still_holds() {
        for status in [QUOTA, 429] {
            let met = Quota { bucket: Bucket::Workspace, remaining: 0, resets_in: HOUR, status };
            let gates = Gates::new(MINUTE, Timestamp::from_millis(0), &[met]);
            assert_eq!(gates.closed(Bucket::Workspace).unwrap().status, status);
            assert_eq!(gates.quotas()[0].status, status);
        }
    }

    #[test]
    fn no_quota_of_an_hour_opens_later_than_that() {
        let bucket = Bucket::Workspace;
        let quota = |resets_in| Quota { bucket, remaining: 0, resets_in, status: QUOTA };
        let now = Timestamp::parse("2025-01-29T18:00:00Z").unwrap();
        let left = |resets_at| quota(HOUR).remembered(resets_at, now).map(|it| it.resets_in);
        assert_eq!(left(now.plus(90_000)), Some(Duration::from_secs(90)));
        assert_eq!(left(now.plus(-1)), None, "it is over");
        assert_eq!(left(now.plus(3_661_000)), None, "the clock went back");
        assert_eq!(left(Timestamp::MAX), None);
        let year = quota(Duration::from_secs(366 * 86_400));
        assert_eq!(left(year.resets_at(now)), Some(HOUR + CUT));
        assert_eq!(left(quota(HOUR + CUT).resets_at(now)), Some(HOUR + CUT), "as it was noted");
    }
}

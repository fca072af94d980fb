//! Local time: the zone, dates as people type them, and the periods a report is about.
//!
//! Everything here turns words of the wall calendar into [`Interval`]s of the UTC line, once, at
//! the edge. A day is not 24 hours: a week may have 167 or 169, some midnights do not exist, some
//! exist twice, and now and then a place skips a whole date. One definition covers all of it:
//!
//! ```text
//! start of a local reading L  =  the first instant at which the clock on the wall shows L or later
//!
//! ordinary       │ 00:00
//! skipped hour   │ 23:59 → 01:00     the day starts at 01:00
//! repeated hour  │ 00:30 → 23:31 …   the day starts at the first of its two midnights
//! skipped date   │ 29th 24:00 → 31st 00:00     the 30th starts, and ends, where the 31st starts
//! ```
//!
//! INVARIANT (partition): a day ends where the next one starts, so the days of a week follow each
//! other without gap or overlap and add up to the week. A skipped date is an empty day.
//!
//! Ends are exclusive everywhere. `--until 2025-01-27` is the start of the 27th, so with
//! `--since 2025-01-20` it is the week of the 20th; the title names the last day *within*.
//!
//! Nothing here reads the clock or the environment: `now` and the value of `TZ` are passed in.

use std::fmt;

use chrono::{
    DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone,
};
use chrono_tz::Tz;

use crate::time::{Interval, Timestamp};

/// The forms of [`parse`], for messages and help texts.
pub const FORMS: &str = "YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS (local time), \
                         YYYY-MM-DDTHH:MM:SSZ (or an offset such as +01:00), today, yesterday";

/// Longer than any zone was ever away from UTC (15 h 13 min), in nanoseconds.
const FARTHEST_OFFSET: i64 = 16 * 3_600 * 1_000_000_000;

/// A zone by its IANA name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone(Tz);

/// A zone that is not in the IANA database; UTC stands in for it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "unknown time zone '{0}', using UTC; set TZ to a name such as Europe/Berlin or America/New_York"
)]
pub struct UnknownZone(pub String);

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(Tz::UTC);

    /// The person's zone: `variable` is the value of `TZ`, if set; else the machine's zone counts.
    ///
    /// Understands what C libraries do with an IANA name: a leading `:`, a path into a `zoneinfo`
    /// folder, and an empty value for UTC. Where the zone is unknown, UTC comes with a message.
    #[must_use]
    pub fn detect(variable: Option<&str>) -> (Self, Option<UnknownZone>) {
        let found = match variable.map(|it| it.strip_prefix(':').unwrap_or(it)) {
            Some("") => Ok(Self::UTC),
            Some("/etc/localtime") | None => Self::of_machine(),
            Some(name) => Self::named(name),
        };
        match found {
            Ok(zone) => (zone, None),
            Err(unknown) => (Self::UTC, Some(unknown)),
        }
    }

    fn of_machine() -> Result<Self, UnknownZone> {
        match iana_time_zone::get_timezone() {
            Ok(name) => Self::named(&name),
            // A machine that names no zone runs in UTC, as most containers do.
            Err(_) => Ok(Self::UTC),
        }
    }

    /// The zone called `name`, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// Where the IANA database has no such zone.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        let short = match name.split_once("zoneinfo/") {
            Some((_, rest)) => rest.trim_start_matches("posix/").trim_start_matches("right/"),
            None => name,
        };
        short.parse().map(Self).map_err(|_| UnknownZone(name.to_owned()))
    }

    /// Its IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What a clock on the wall shows at `at`.
    #[must_use]
    pub fn local(self, at: Timestamp) -> NaiveDateTime {
        at.to_datetime().with_timezone(&self.0).naive_local()
    }

    /// The local date at `at`.
    #[must_use]
    pub fn date(self, at: Timestamp) -> NaiveDate {
        self.local(at).date()
    }

    /// The first instant at which the clock on the wall shows `local` or later; `None` outside
    /// the years 1678 to 2261.
    #[must_use]
    pub fn instant(self, local: NaiveDateTime) -> Option<Timestamp> {
        match self.0.from_local_datetime(&local) {
            MappedLocalTime::Single(at) => Timestamp::from_datetime(&at),
            MappedLocalTime::Ambiguous(one, other) => Timestamp::from_datetime(&one.min(other)),
            MappedLocalTime::None => self.end_of_gap(local),
        }
    }

    /// The instant at which the clock jumps over `local`, found by halving: chrono-tz does not
    /// tell where a transition lies.
    fn end_of_gap(self, local: NaiveDateTime) -> Option<Timestamp> {
        let nanos = local.and_utc().timestamp_nanos_opt()?;
        let mut before = nanos.checked_sub(FARTHEST_OFFSET)?;
        let mut after = nanos.checked_add(FARTHEST_OFFSET)?;
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if self.local(Timestamp::from_nanos(middle)) >= local {
                after = middle;
            } else {
                before = middle;
            }
        }
        Some(Timestamp::from_nanos(after))
    }

    /// The first instant of a local day.
    ///
    /// # Errors
    /// Outside the years 1678 to 2261.
    pub fn start_of_day(self, date: NaiveDate) -> Result<Timestamp, PeriodError> {
        self.instant(date.and_time(NaiveTime::MIN))
            .ok_or_else(|| PeriodError::OutOfRange(date.to_string()))
    }

    /// A local day.
    fn day(self, date: NaiveDate) -> Result<Interval, PeriodError> {
        Ok(Interval::new(self.start_of_day(date)?, self.start_of_day(after(date, 1)?)?))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why words are no period.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PeriodError {
    /// Not one of the [`FORMS`].
    #[error("'{0}' is no date; write one of: {FORMS}")]
    NoDate(String),
    /// A date that cannot be represented.
    #[error("'{0}' lies outside the years 1678 to 2261")]
    OutOfRange(String),
    /// The end is before the start.
    #[error("--until {until} is before --since {since}; swap them")]
    Backwards {
        /// The start as given.
        since: String,
        /// The end as given.
        until: String,
    },
    /// Start and end are the same instant.
    #[error("--since {since} --until {until} is an empty period, as the end is exclusive{hint}")]
    Empty {
        /// The start as given.
        since: String,
        /// The end as given.
        until: String,
        /// What to write for the whole day, where a day was meant.
        hint: String,
    },
}

/// Reads a date or a time of day as people type it: one of the [`FORMS`].
///
/// A bare date is the start of that local day, a time without offset is local. Where the clock
/// skips such a time, the instant of the jump is meant; where it shows it twice, the first time.
///
/// # Errors
/// Names the accepted forms where `text` is none of them; says so if the date is out of range.
pub fn parse(text: &str, zone: Zone, now: Timestamp) -> Result<Timestamp, PeriodError> {
    const LOCAL: [&str; 4] =
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let typed = text.trim();
    if let Some(date) = parse_date(typed, zone, now) {
        return zone.start_of_day(date?);
    }
    if let Some(local) =
        LOCAL.iter().find_map(|form| NaiveDateTime::parse_from_str(typed, form).ok())
    {
        return zone.instant(local).ok_or_else(|| PeriodError::OutOfRange(text.to_owned()));
    }
    parse_with_offset(typed, text)
}

/// `text` as a whole local day, if it is one.
fn parse_date(text: &str, zone: Zone, now: Timestamp) -> Option<Result<NaiveDate, PeriodError>> {
    match text.to_ascii_lowercase().as_str() {
        "today" => Some(Ok(zone.date(now))),
        "yesterday" => Some(day_before(zone.date(now), zone)),
        _ => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Ok),
    }
}

fn parse_with_offset(typed: &str, text: &str) -> Result<Timestamp, PeriodError> {
    // `Timestamp::parse` takes a time without an offset as UTC, as other programs mean it; a
    // person means local time, so only texts that do have an offset may get there.
    let explicit = typed.ends_with(['Z', 'z'])
        || typed.get(10..).is_some_and(|rest| rest.contains(['+', '-']));
    if explicit && let Some(at) = Timestamp::parse(typed) {
        return Ok(at);
    }
    Err(if DateTime::parse_from_rfc3339(typed).is_ok() {
        PeriodError::OutOfRange(text.to_owned())
    } else {
        PeriodError::NoDate(text.to_owned())
    })
}

fn after(date: NaiveDate, days: u64) -> Result<NaiveDate, PeriodError> {
    date.checked_add_days(Days::new(days)).ok_or_else(|| PeriodError::OutOfRange(date.to_string()))
}

fn before(date: NaiveDate, days: u64) -> Result<NaiveDate, PeriodError> {
    date.checked_sub_days(Days::new(days)).ok_or_else(|| PeriodError::OutOfRange(date.to_string()))
}

/// The last local day before `date` that was not skipped.
fn day_before(date: NaiveDate, zone: Zone) -> Result<NaiveDate, PeriodError> {
    let yesterday = before(date, 1)?;
    if zone.day(yesterday)?.is_empty() {
        return before(yesterday, 1);
    }
    Ok(yesterday)
}

/// The shape of a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Monday to Sunday.
    Week,
    /// One local day.
    Day,
    /// Anything else.
    Range,
}

impl Shape {
    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Day => "day",
            Self::Range => "range",
        }
    }
}

/// What a report is about: a stretch of time and how it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Period {
    /// A week, a day or a range.
    pub shape: Shape,
    /// The time, end exclusive. Starts at [`Timestamp::MIN`] where only an end was given.
    pub interval: Interval,
    /// The zone whose days these are.
    pub zone: Zone,
}

impl Period {
    /// The local day `date`.
    ///
    /// # Errors
    /// Outside the years 1678 to 2261.
    pub fn day_of(date: NaiveDate, zone: Zone) -> Result<Self, PeriodError> {
        Ok(Self { shape: Shape::Day, interval: zone.day(date)?, zone })
    }

    /// The week, from Monday, that holds the local day `date`.
    ///
    /// # Errors
    /// Outside the years 1678 to 2261.
    pub fn week_of(date: NaiveDate, zone: Zone) -> Result<Self, PeriodError> {
        let monday = before(date, date.weekday().num_days_from_monday().into())?;
        Ok(Self {
            shape: Shape::Week,
            interval: Interval::new(
                zone.start_of_day(monday)?,
                zone.start_of_day(after(monday, 7)?)?,
            ),
            zone,
        })
    }

    /// The current week.
    ///
    /// # Errors
    /// Outside the years 1678 to 2261, here and below.
    pub fn week(zone: Zone, now: Timestamp) -> Result<Self, PeriodError> {
        Self::week_of(zone.date(now), zone)
    }

    /// The week before the current one.
    ///
    /// # Errors
    /// As [`Self::week`].
    pub fn last_week(zone: Zone, now: Timestamp) -> Result<Self, PeriodError> {
        Self::week_of(before(zone.date(now), 7)?, zone)
    }

    /// Today.
    ///
    /// # Errors
    /// As [`Self::week`].
    pub fn day(zone: Zone, now: Timestamp) -> Result<Self, PeriodError> {
        Self::day_of(zone.date(now), zone)
    }

    /// Yesterday: the last local day before today (two dates back where one was skipped).
    ///
    /// # Errors
    /// As [`Self::week`].
    pub fn last_day(zone: Zone, now: Timestamp) -> Result<Self, PeriodError> {
        Self::day_of(day_before(zone.date(now), zone)?, zone)
    }

    /// From `since` up to, and without, `until`, both as [`parse`] reads them. Without `since`
    /// from the first record on; without `until` to the end of today.
    ///
    /// # Errors
    /// Where a text is no date, or the end is not after the start.
    pub fn range(
        since: Option<&str>,
        until: Option<&str>,
        zone: Zone,
        now: Timestamp,
    ) -> Result<Self, PeriodError> {
        let start = match since {
            Some(text) => parse(text, zone, now)?,
            None => Timestamp::MIN,
        };
        let end = match until {
            Some(text) => parse(text, zone, now)?,
            None => zone.start_of_day(after(zone.date(now), 1)?)?,
        };
        let interval = Interval::new(start, end);
        if interval.is_empty() {
            let (since, until) = (since.unwrap_or_default(), until.unwrap_or("tomorrow"));
            return Err(not_after(since, until, interval, zone));
        }
        Ok(Self { shape: Shape::Range, interval, zone })
    }

    /// Its local days in order, the first and the last cut at its borders; skipped dates are left
    /// out. A range without a start has no first day: `None`.
    #[must_use]
    pub fn days(&self) -> Option<Vec<Self>> {
        if self.is_open() || self.interval.is_empty() {
            return None;
        }
        let mut days = Vec::new();
        let mut date = self.zone.date(self.interval.start);
        while let Ok(day) = Self::day_of(date, self.zone)
            && day.interval.start < self.interval.end
        {
            let interval = day.interval.intersect(self.interval);
            if !interval.is_empty() {
                days.push(Self { interval, ..day });
            }
            date = after(date, 1).ok()?;
        }
        Some(days)
    }

    /// Whether it has no start.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.interval.start == Timestamp::MIN
    }

    /// The report's title, such as `TIME REPORT: Week of Jan 27, 2025`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("TIME REPORT: {}", self.label())
    }

    /// The period in words, such as `Week of Jan 27, 2025`; a range names its last day within.
    #[must_use]
    pub fn label(&self) -> String {
        let first = self.zone.local(self.interval.start);
        match self.shape {
            Shape::Week => format!("Week of {}", first.format("%b %-d, %Y")),
            Shape::Day => first.format("%A, %b %-d, %Y").to_string(),
            Shape::Range => self.label_of_range(first),
        }
    }

    fn label_of_range(&self, first: NaiveDateTime) -> String {
        let end = self.interval.end;
        let last = self.zone.date(end.plus(-1));
        let whole_days = |at| self.zone.start_of_day(self.zone.date(at)) == Ok(at);
        if !whole_days(end) || !(self.is_open() || whole_days(self.interval.start)) {
            let end = self.zone.local(end).format("%b %-d, %Y %H:%M");
            return match self.is_open() {
                true => format!("until {end}"),
                false => format!("{} – {end}", first.format("%b %-d, %Y %H:%M")),
            };
        }
        let last_text = last.format("%b %-d, %Y");
        if self.is_open() {
            format!("through {last_text}")
        } else if first.date() == last {
            last.format("%A, %b %-d, %Y").to_string()
        } else if first.year() == last.year() {
            format!("{} – {last_text}", first.format("%b %-d"))
        } else {
            format!("{} – {last_text}", first.format("%b %-d, %Y"))
        }
    }
}

/// Says what is wrong with a range whose end is not after its start.
fn not_after(since: &str, until: &str, interval: Interval, zone: Zone) -> PeriodError {
    let (since, until) = (since.to_owned(), until.to_owned());
    if interval.end < interval.start {
        return PeriodError::Backwards { since, until };
    }
    let date = zone.date(interval.start);
    let hint = match (zone.day(date), after(date, 1)) {
        (Ok(day), Ok(next)) if day.start == interval.start => {
            format!("; for that whole day, write --until {next}")
        }
        _ => String::new(),
    };
    PeriodError::Empty { since, until, hint }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{Millis, total};

    const HOUR: Millis = 3_600_000;

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn hours_of_week(name: &str, day: &str) -> i64 {
        Period::week_of(date(day), zone(name)).unwrap().interval.millis() / HOUR
    }

    #[test]
    fn zones_by_every_spelling() {
        for spelling in [
            "Europe/Berlin",
            ":Europe/Berlin",
            "/usr/share/zoneinfo/Europe/Berlin",
            ":/usr/share/zoneinfo/posix/Europe/Berlin",
        ] {
            assert_eq!(Zone::detect(Some(spelling)), (zone("Europe/Berlin"), None));
        }
        assert_eq!(Zone::detect(Some("")), (Zone::UTC, None));
        let (fallback, unknown) = Zone::detect(Some("Mars/Olympus"));
        assert_eq!(fallback, Zone::UTC);
        assert_eq!(
            unknown.unwrap().to_string(),
            "unknown time zone 'Mars/Olympus', using UTC; set TZ to a name such as Europe/Berlin \
             or America/New_York"
        );
    }

    #[test]
    fn weeks_are_as_long_as_the_clock_says() {
        assert_eq!(hours_of_week("Europe/Berlin", "2025-01-29"), 168);
        assert_eq!(hours_of_week("Europe/Berlin", "2025-03-30"), 167);
        assert_eq!(hours_of_week("Europe/Berlin", "2025-10-26"), 169);
        assert_eq!(hours_of_week("America/New_York", "2025-03-09"), 167);
        assert_eq!(hours_of_week("Pacific/Apia", "2011-12-30"), 144);
        assert_eq!(hours_of_week("UTC", "2025-03-30"), 168);
    }

    #[test]
    fn days_start_when_the_wall_first_says_so() {
        let start = |name, day| zone(name).start_of_day(date(day)).unwrap().to_string();
        // Midnight does not exist: the clock goes from 23:59 to 01:00.
        assert_eq!(start("America/Sao_Paulo", "2018-11-04"), "2018-11-04T03:00:00Z");
        // Midnight comes twice: at 01:00 the clock goes back to 00:00.
        assert_eq!(start("America/Havana", "2025-11-02"), "2025-11-02T04:00:00Z");
        // At 00:01 the clock went back to 23:01 of the day before.
        assert_eq!(start("America/St_Johns", "2010-11-07"), "2010-11-07T02:30:00Z");
        // The 30th was skipped.
        assert_eq!(start("Pacific/Apia", "2011-12-30"), "2011-12-30T10:00:00Z");
        assert_eq!(start("Pacific/Apia", "2011-12-31"), "2011-12-30T10:00:00Z");
    }

    #[test]
    fn yesterday_is_a_day_that_happened() {
        let apia = zone("Pacific/Apia");
        let day = Period::last_day(apia, at("2011-12-31T00:00:00Z")).unwrap();
        assert_eq!(day.title(), "TIME REPORT: Thursday, Dec 29, 2011");
        assert_eq!(day.interval.millis(), 24 * HOUR);
        assert_eq!(parse("yesterday", apia, at("2011-12-31T00:00:00Z")), Ok(day.interval.start));
    }

    #[test]
    fn reads_dates_as_people_type_them() {
        let (la, now) = (zone("America/Los_Angeles"), at("2025-01-29T02:00:00Z"));
        for (text, want) in [
            ("2025-01-28", "2025-01-28T08:00:00Z"),
            ("today", "2025-01-28T08:00:00Z"),
            (" Yesterday ", "2025-01-27T08:00:00Z"),
            ("2025-01-28T18:00:00", "2025-01-29T02:00:00Z"),
            ("2025-01-28 18:00", "2025-01-29T02:00:00Z"),
            ("2025-01-28T18:00:00Z", "2025-01-28T18:00:00Z"),
            ("2025-01-28T18:00:00+01:00", "2025-01-28T17:00:00Z"),
            ("2025-01-28T18:00:00-0500", "2025-01-28T23:00:00Z"),
            // Skipped on the wall, then shown twice on it.
            ("2025-03-09T02:30:00", "2025-03-09T10:00:00Z"),
            ("2025-11-02T01:30:00", "2025-11-02T08:30:00Z"),
        ] {
            assert_eq!(parse(text, la, now), Ok(at(want)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_says_what_is() {
        let why =
            |text| parse(text, Zone::UTC, at("2025-01-28T00:00:00Z")).unwrap_err().to_string();
        assert_eq!(
            why("28.1.2025"),
            "'28.1.2025' is no date; write one of: YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS (local time), \
             YYYY-MM-DDTHH:MM:SSZ (or an offset such as +01:00), today, yesterday"
        );
        assert!(why("2025-02-29").contains("is no date"));
        assert!(why("20250128T100000").contains("is no date"));
        assert!(why("").contains("is no date"));
        for far in ["9999-01-01", "9999-01-01T00:00:00", "9999-01-01T00:00:00Z", "0025-01-28"] {
            assert!(why(far).contains("outside the years"), "{far}");
        }
    }

    #[test]
    fn ranges_end_before_their_end() {
        let (berlin, now) = (zone("Europe/Berlin"), at("2025-01-29T02:00:00Z"));
        let range = |since, until| Period::range(since, until, berlin, now);
        let week = range(Some("2025-01-20"), Some("2025-01-27")).unwrap();
        assert_eq!(week.interval, Period::week_of(date("2025-01-20"), berlin).unwrap().interval);
        assert_eq!(
            range(Some("2025-01-20"), None).unwrap().interval.end,
            at("2025-01-29T23:00:00Z")
        );
        assert_eq!(
            range(Some("2025-01-27"), Some("2025-01-20")).unwrap_err().to_string(),
            "--until 2025-01-20 is before --since 2025-01-27; swap them"
        );
        assert_eq!(
            range(Some("2025-01-20"), Some("2025-01-20")).unwrap_err().to_string(),
            "--since 2025-01-20 --until 2025-01-20 is an empty period, as the end is exclusive; \
             for that whole day, write --until 2025-01-21"
        );
        assert!(range(Some("2025-02-20"), None).is_err());
    }

    #[test]
    fn titles() {
        let (berlin, now) = (zone("Europe/Berlin"), at("2025-01-28T12:00:00Z"));
        let range = |since, until| Period::range(since, until, berlin, now).unwrap().label();
        let title = |period: Result<Period, _>| period.unwrap().title();
        assert_eq!(title(Period::week(berlin, now)), "TIME REPORT: Week of Jan 27, 2025");
        assert_eq!(title(Period::last_week(berlin, now)), "TIME REPORT: Week of Jan 20, 2025");
        assert_eq!(title(Period::day(berlin, now)), "TIME REPORT: Tuesday, Jan 28, 2025");
        assert_eq!(title(Period::last_day(berlin, now)), "TIME REPORT: Monday, Jan 27, 2025");
        assert_eq!(range(Some("2025-01-20"), Some("2025-01-27")), "Jan 20 – Jan 26, 2025");
        assert_eq!(range(Some("2024-12-30"), Some("2025-01-06")), "Dec 30, 2024 – Jan 5, 2025");
        assert_eq!(range(Some("2025-01-20"), Some("2025-01-21")), "Monday, Jan 20, 2025");
        assert_eq!(range(None, Some("2025-01-27")), "through Jan 26, 2025");
        assert_eq!(
            range(Some("2025-01-20T14:30:00"), Some("2025-01-26")),
            "Jan 20, 2025 14:30 – Jan 26, 2025 00:00"
        );
    }

    /// Zones with every sort of trouble; the dates below surround their transitions.
    const ZONES: [&str; 14] = [
        "UTC",
        "Europe/Berlin",
        "Europe/London",
        "America/New_York",
        "America/Sao_Paulo",
        "America/Havana",
        "America/St_Johns",
        "America/Asuncion",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Pacific/Apia",
        "Pacific/Kwajalein",
    ];

    proptest! {
        #[test]
        fn days_partition_their_week(
            name in prop::sample::select(&ZONES[..]), day in 0u64..20_000,
        ) {
            let (zone, day) = (zone(name), date("1975-01-01") + Days::new(day));
            let week = Period::week_of(day, zone).unwrap();
            let days: Vec<_> = week.days().unwrap().iter().map(|it| it.interval).collect();
            prop_assert_eq!(days.first().unwrap().start, week.interval.start);
            prop_assert_eq!(days.last().unwrap().end, week.interval.end);
            prop_assert!(days.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert_eq!(total(&days), week.interval.millis());
            let next = Period::week_of(day + Days::new(7), zone).unwrap();
            prop_assert_eq!(week.interval.end, next.interval.start);
        }

        #[test]
        fn now_is_today_and_this_week(
            name in prop::sample::select(&ZONES[..]), minutes in 0i64..28_000_000,
        ) {
            let (zone, now) = (zone(name), Timestamp::from_millis(minutes * 60_000));
            let day = Period::day(zone, now).unwrap().interval;
            // Between the two midnights of a night the wall may show yesterday once more; such
            // minutes belong to the day that has begun.
            prop_assert!(day.contains(now) || zone.date(day.end) > zone.date(now));
            let week = Period::week(zone, now).unwrap().interval;
            prop_assert!(week.contains(day.start) && day.end <= week.end);
        }

        #[test]
        fn a_day_starts_at_its_first_instant(
            name in prop::sample::select(&ZONES[..]), day in 0u64..20_000,
        ) {
            let (zone, day) = (zone(name), date("1975-01-01") + Days::new(day));
            let start = zone.start_of_day(day).unwrap();
            prop_assert!(zone.date(start) >= day);
            for minute in 1..=120 {
                prop_assert!(zone.date(start.plus(-60_000 * minute)) < day);
            }
        }
    }
}

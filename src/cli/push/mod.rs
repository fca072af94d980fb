//! `tt push`: reviewed time to Toggl, Clockify or CSV.

mod kept;
mod screen;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use self::kept::Kept;
use self::screen::Screen;
use self::shown::{Around, Requests};
use super::app::{App, Config, RulesState, RunRules, short_ids};
use super::args::PushArgs;
use super::error::{Failure, Outcome};
use super::table::harmless;
use super::{count, privacy, say, write_json};
use crate::diag::Finding;
use crate::period::Period;
use crate::privacy::Filter;
use crate::push::gather::{self, Gathered, Scope, Terms};
use crate::push::http::{self, Access, Bucket};
use crate::push::lookup::{Past, account};
use crate::push::plan::{self, Circumstances, Fate, Plan};
use crate::push::run::{Run, Stopped, questions};
use crate::push::settings::{BadSettings, Secret, Service, Settings};
use crate::push::{DESTINATIONS, Info, Kind, ServiceInfo, Trouble, csv};
use crate::store::derived::StreamRow;
use crate::store::{Store, push as ledger};
use crate::time::{Interval, Timestamp};

/// How long a push waits for another one.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a push waits for another command that writes: what was sent must be noted.
const LONG_PATIENCE: Duration = Duration::from_secs(60);
/// How long after a request without an answer its service is asked what became of it.
const SETTLE: Duration = Duration::from_secs(5);

pub(super) fn run(app: &App, args: &PushArgs, out: &mut dyn Write) -> Outcome {
    let info = destination(args)?;
    if args.json && !args.dry_run && matches!(info.kind, Kind::Rows(_)) {
        return Err(Failure::Usage(format!(
            "--{} writes its own format; --json goes with --dry-run only",
            info.key
        )));
    }
    let config = app.read_config();
    sound(app, &config, args)?;
    let settings = settings(app, &config)?;
    let mut store = app.brought_up_to_date(&config, RunRules::Yes)?;
    let filter = privacy::filter(app, &config, store.conn())?;
    let push = Push { app, args, info, settings: &settings, filter: &filter };
    match info.kind {
        Kind::Rows(open) => push.rows(&mut store, open, out),
        Kind::Service(service) => push.service(&mut store, &config, &service, out),
    }
}

fn destination(args: &PushArgs) -> Result<Info, Failure> {
    let asked = [("toggl", args.toggl), ("clockify", args.clockify), ("csv", args.csv)];
    let key = asked.iter().find(|(_, asked)| *asked).map(|(key, _)| *key);
    DESTINATIONS
        .into_iter()
        .find(|it| Some(it.key) == key)
        .ok_or_else(|| Failure::Usage("say where to: --toggl, --clockify or --csv".to_owned()))
}

/// Whether the config is as it must be: without a filter nothing leaves, and with rules that do not
/// run, tags may be those of last week.
fn sound(app: &App, config: &Config, args: &PushArgs) -> Outcome {
    privacy::settings(app, config)?;
    match &config.rules {
        RulesState::Missing | RulesState::Ready(..) | RulesState::Unreadable(_) => Ok(()),
        RulesState::Broken if args.allow_broken_rules => Ok(()),
        RulesState::Broken => {
            let errors: Vec<&Finding> = config.findings.iter().filter(|it| it.stops()).collect();
            let first = privacy::first_of(&errors, &config.source);
            Err(Failure::Failed(format!(
                "nothing was pushed, since the rules have errors\n  {first}\n  \
                 See 'tt rules check', or push with the tags as they are by --allow-broken-rules."
            )))
        }
    }
}

fn settings(app: &App, config: &Config) -> Result<Settings, Failure> {
    Settings::read(config.source.text()).map_err(|error: BadSettings| {
        Failure::Failed(format!("{} {error}\n  Nothing was pushed.", app.config_name()))
    })
}

/// A push that was asked for.
struct Push<'a> {
    app: &'a App,
    args: &'a PushArgs,
    info: Info,
    settings: &'a Settings,
    filter: &'a Filter,
}

/// What is planned, and what is to be told of it.
struct Planned {
    plan: Plan,
    range: Interval,
    withheld: usize,
    short: (u64, i64),
    older: (u64, i64),
    open: usize,
}

impl Push<'_> {
    // --- what is asked for -----------------------------------------------------------------------

    fn split_days(&self) -> bool {
        self.args.split_days || self.settings.split_days
    }

    /// The range: what was said, else this week and everything since the last push.
    fn range(&self, conn: &Connection) -> Result<Interval, Failure> {
        let (zone, now) = (self.app.env.zone, self.app.env.now);
        let (since, until) = (self.args.range.since.as_deref(), self.args.range.until.as_deref());
        let named = since.is_some() || until.is_some();
        if named {
            let range = Period::range(since, until, zone, now)?.interval;
            let is_midnight = |at: Timestamp| {
                at == Timestamp::MIN || zone.start_of_day(zone.date(at)).is_ok_and(|it| it == at)
            };
            if self.split_days() && !(is_midnight(range.start) && is_midnight(range.end)) {
                return Err(Failure::Usage(
                    "streams are split at local midnight, so --since and --until must be days, \
                     such as 2025-01-27"
                        .to_owned(),
                ));
            }
            return Ok(range);
        }
        if self.args.all || !self.args.stream.is_empty() {
            return Ok(Interval::ALWAYS);
        }
        let mut week = Period::week(zone, now)?.interval;
        week.end = Period::day(zone, now)?.interval.end;
        if let Kind::Service(_) = self.info.kind
            && let Some(last) = ledger::last_push(conn, self.info.key)?
            && let Some(last) = Timestamp::parse(&last)
        {
            week.start = week.start.min(zone.start_of_day(zone.date(last))?);
        }
        Ok(week)
    }

    fn gather(
        &self,
        conn: &Connection,
        range: Interval,
        also: &BTreeSet<String>,
        service: Option<&Service>,
    ) -> Result<Gathered, Failure> {
        let mut streams = BTreeSet::new();
        for name in &self.args.stream {
            streams.insert(self.app.stream(conn, name)?.num);
        }
        let picks = |row: &StreamRow, tags: &[String]| {
            let asked = &self.args.tag;
            (asked.is_empty() || asked.iter().any(|tag| tags.contains(tag)))
                && (streams.is_empty() || streams.contains(&row.num))
        };
        let scope = Scope { range, picks: &picks, also, split_days: self.split_days() };
        let terms = Terms { policy: &self.settings.policy, service, zone: self.app.env.zone };
        Ok(gather::gather(conn, &scope, &terms, self.filter)?)
    }

    fn plan(
        &self,
        conn: &Connection,
        service: &Service,
        workspace: Option<&str>,
    ) -> Result<Planned, Failure> {
        let key = self.info.key;
        let range = self.range(conn)?;
        let mut there = ledger::entries(conn, key)?;
        // What another program noted counts as pushed, in the workspace that is pushed to.
        there.extend(ledger::only_logged(conn, key, workspace.unwrap_or_default())?);
        let mut fates = BTreeMap::new();
        let mut also = BTreeSet::new();
        let whole_range = self.args.range.since.is_none() && self.args.range.until.is_none();
        let unfiltered = self.args.tag.is_empty() && self.args.stream.is_empty();
        for (id, pushed, version) in ledger::versions(conn, key)? {
            let fate = match version {
                Some(version) => {
                    if whole_range && unfiltered && version != pushed {
                        also.insert(id.clone());
                    }
                    Fate::Lives
                }
                None => match ledger::joined_into(conn, &id)? {
                    Some(into) => {
                        also.insert(into.clone());
                        Fate::Joined(into)
                    }
                    None => Fate::Dissolved,
                },
            };
            fates.insert(id, fate);
        }
        if whole_range && unfiltered {
            also.extend(ledger::missing(conn, key)?);
        }
        let gathered = self.gather(conn, range, &also, Some(service))?;
        let (withheld, short) = (gathered.withheld.len(), gathered.short);
        let circumstances = Circumstances {
            workspace,
            force: self.args.force,
            split_days: self.split_days(),
            policy: &self.settings.policy,
        };
        let plan = plan::plan(gathered, &there, &fates, circumstances);
        let older = if whole_range && unfiltered && !self.args.all {
            ledger::never_pushed(conn, key, range.start.nanos())?
        } else {
            (0, 0)
        };
        let open = ledger::open_requests(conn, key)?.len();
        Ok(Planned { plan, range, withheld, short, older, open })
    }

    fn around(
        &self,
        conn: &Connection,
        it: &Planned,
        requests: Option<Requests>,
    ) -> Result<Around<'_>, Failure> {
        let plan = &it.plan;
        let mut ids: BTreeSet<&str> = BTreeSet::new();
        let pieces = plan.updates.iter().map(|it| &it.piece).chain(&plan.creates);
        ids.extend(pieces.map(|it| it.entry.get().stream.as_str()));
        for removal in &plan.removals {
            ids.insert(&removal.entry.stream_id);
            ids.extend(removal.blocks());
        }
        ids.extend(plan.kept.iter().map(|it| it.stream_id.as_str()));
        let ids: Vec<&str> = ids.into_iter().collect();
        Ok(Around {
            app: self.app,
            filter: self.filter,
            title: self.info.title,
            policy: &self.settings.policy,
            ids: short_ids(conn, &ids)?,
            range: it.range,
            withheld: it.withheld,
            short: it.short,
            older: it.older,
            open: it.open,
            requests,
        })
    }

    // --- rows ------------------------------------------------------------------------------------

    fn rows(
        &self,
        store: &mut Store,
        open: for<'w> fn(&'w mut dyn Write) -> Box<dyn crate::push::Destination + 'w>,
        out: &mut dyn Write,
    ) -> Outcome {
        let tx = store.read()?;
        let range = self.range(&tx)?;
        let gathered = self.gather(&tx, range, &BTreeSet::new(), None)?;
        let (withheld, short) = (gathered.withheld.len(), gathered.short);
        let creates = gathered.pieces.into_iter().filter(|it| it.asked).collect();
        let plan = Plan { creates, ..Plan::default() };
        let planned = Planned { plan, range, withheld, short, older: (0, 0), open: 0 };
        if self.args.dry_run {
            let around = self.around(&tx, &planned, None)?;
            if self.args.json {
                return write_json(out, &around.json(&planned.plan, None));
            }
            return around.dry_run(&planned.plan, out);
        }
        let mut rows = open(out);
        for piece in &planned.plan.creates {
            rows.create(&piece.entry).map_err(not_written)?;
        }
        rows.finish().map_err(not_written)?;
        if withheld > 0 {
            let streams = count(withheld as u64, "stream");
            say(&format!("Note: [privacy] withholds {streams}: see 'tt privacy check'."));
        }
        Ok(())
    }

    // --- services --------------------------------------------------------------------------------

    fn service(
        &self,
        store: &mut Store,
        config: &Config,
        info: &ServiceInfo,
        out: &mut dyn Write,
    ) -> Outcome {
        let service = (info.settings)(self.settings);
        self.warn_of_readers(service, config);
        let token = self.app.env.text(info.token_variable).map(Secret::new);
        let token = token.or_else(|| service.token.clone());
        let url = self.app.env.text(info.url_variable).map(str::to_owned);
        let url = url.or_else(|| service.base_url.clone()).unwrap_or(info.base_url.to_owned());
        if self.args.dry_run {
            return self.dry_run(store, info, service, (token.as_ref(), &url), out);
        }
        let Some(token) = token else { return Err(self.no_token(info)) };
        let _lock = self.lock()?;
        self.send(store, info, service, (&token, &url), out)
    }

    fn no_token(&self, info: &ServiceInfo) -> Failure {
        Failure::Failed(format!(
            "no token for {}\n  \
             Set {} (it is at {}), or {} below [push.{}] in {}.",
            self.info.title,
            info.token_variable,
            info.token_page,
            info.token_key,
            self.info.key,
            self.app.config_name()
        ))
    }

    /// A token in a file that others can read is everybody's.
    fn warn_of_readers(&self, service: &Service, config: &Config) {
        let readable = std::fs::metadata(&self.app.config)
            .is_ok_and(|meta| meta.permissions().mode() & 0o044 != 0);
        if service.token.is_some() && readable {
            say(&format!(
                "Warning: {} holds a token and can be read by others\n         \
                 Do: chmod 600 {}",
                config.source.name(),
                self.app.env.shown(&self.app.config)
            ));
        }
    }

    fn dry_run(
        &self,
        store: &mut Store,
        info: &ServiceInfo,
        service: &Service,
        (token, url): (Option<&Secret>, &str),
        out: &mut dyn Write,
    ) -> Outcome {
        let tx = store.read()?;
        let workspace = service.workspace.clone();
        let planned = self.plan(&tx, service, workspace.as_deref())?;
        let cache = Kept::open(self.app, self.info.key)?;
        let requests = self.requests(&planned, info, service, (token, url), &cache);
        let around = self.around(&tx, &planned, Some(requests))?;
        if self.args.json {
            return write_json(out, &around.json(&planned.plan, None));
        }
        around.dry_run(&planned.plan, out)
    }

    /// How many requests a plan takes: one for each that writes, those that ask first, and look-ups.
    fn requests(
        &self,
        planned: &Planned,
        info: &ServiceInfo,
        service: &Service,
        (token, url): (Option<&Secret>, &str),
        cache: &Kept,
    ) -> Requests {
        let plan = &planned.plan;
        let asked = questions(plan, self.args.force).requests();
        let pieces = plan.updates.iter().map(|it| &it.piece).chain(&plan.creates);
        let entries: Vec<_> = pieces.map(|it| it.entry.get()).collect();
        let nobody = Secret::new("");
        let token = token.unwrap_or(&nobody);
        let past = Past {
            cache,
            token,
            base_url: url,
            workspace: service.workspace.as_deref(),
            now: self.app.env.now,
            fresh: self.args.force,
        };
        let lookups = (info.lookups)(past, &entries);
        let lookups = lookups.me + lookups.workspace + lookups.perhaps;
        let needed = match plan.writes() {
            0 => planned.open,
            writes => writes + asked + planned.open + lookups,
        };
        let pace = service.pace.unwrap_or(http::PACE);
        let now = self.app.env.now;
        let account = account(url, token);
        let quota =
            cache.quotas(&account, now).into_iter().find(|it| it.bucket == Bucket::Workspace);
        Requests {
            needed,
            seconds: (pace * u32::try_from(needed).unwrap_or(u32::MAX)).as_secs(),
            quota: quota.map(|it| {
                let left = u64::try_from(it.remaining).unwrap_or(0);
                let more = i64::try_from(it.resets_in.as_millis()).unwrap_or(i64::MAX);
                (left, now.plus(more))
            }),
        }
    }

    fn send(
        &self,
        store: &mut Store,
        info: &ServiceInfo,
        service: &Service,
        (token, url): (&Secret, &str),
        out: &mut dyn Write,
    ) -> Outcome {
        store.set_patience(LONG_PATIENCE)?;
        let began = Instant::now();
        let now = self.app.env.now;
        let clock = || now.plus(i64::try_from(began.elapsed().as_millis()).unwrap_or(0));
        let screen = Screen::new(self.app.env.err_is_terminal, self.filter);
        let mut cache = Kept::open(self.app, self.info.key)?;
        self.same_person(store, &mut cache, token)?;
        let account = account(url, token);
        let quotas = cache.quotas(&account, now);
        let access = Access {
            workspace: service.workspace.as_deref(),
            pace: service.pace.unwrap_or(http::PACE),
            timeout: self.settings.timeout.unwrap_or(http::TIMEOUT),
            max_wait: self.settings.max_wait.unwrap_or(http::MAX_WAIT),
            quotas,
            watch: Box::new(screen.clone()),
            cache: Box::new(cache),
            fresh: self.args.force,
            ..Access::new(token, url, now)
        };
        let mut client = (info.open)(access)
            .map_err(|why| Failure::Failed(format!("{}: {why}", self.info.title)))?;
        let done = self.conduct(store, service, &mut *client, &screen, &clock, out);
        screen.clear();
        if let Some(keeps) = client.keeps() {
            let mut cache = Kept::open(self.app, self.info.key)?;
            cache.keep_quotas(&account, &keeps.quotas(), clock());
        }
        done
    }

    /// Entries of one person cannot be found by the token of another; whether a new token is that of
    /// somebody else, `tt` cannot tell.
    fn same_person(&self, store: &Store, cache: &mut Kept, token: &Secret) -> Outcome {
        if !cache.is_other_token(token) {
            cache.keep_token(token);
            return Ok(());
        }
        let open = ledger::open_requests(store.conn(), self.info.key)?.len();
        if open > 0 && !self.args.force {
            let (requests, have) =
                (count(open as u64, "request"), if open == 1 { "has" } else { "have" });
            return Err(Failure::Failed(format!(
                "{requests} sent with another token {have} no answer yet\n  \
                 Push once with that token; or by --force, if this one is of the same person.\n  \
                 Nothing was sent."
            )));
        }
        say(&format!(
            "Note: the last push to {} was with another token. If that was somebody else's, their \
             entries will look as if they had been removed.",
            self.info.title
        ));
        cache.keep_token(token);
        Ok(())
    }

    fn conduct(
        &self,
        store: &mut Store,
        service: &Service,
        client: &mut dyn crate::push::Destination,
        screen: &Screen<'_>,
        clock: &dyn Fn() -> Timestamp,
        out: &mut dyn Write,
    ) -> Outcome {
        let stop = |stopped: Stopped| self.stop(stopped);
        let mut watch = screen.clone();
        let mut run = Run {
            store,
            key: self.info.key,
            title: self.info.title,
            destination: client,
            force: self.args.force,
            settle: self.settings.settle.unwrap_or(SETTLE),
            clock,
            watch: &mut watch,
        };
        let workspace = run.workspace().map_err(stop)?;
        run.adopt(&workspace).map_err(stop)?;
        let settled = run.settle(&workspace).map_err(stop)?;
        if settled > 0 {
            let requests = count(settled as u64, "request");
            say(&format!("Settled {requests} of an earlier push that had no answer."));
        }
        let planned = {
            let tx = run.store.read()?;
            self.plan(&tx, service, Some(&workspace))?
        };
        let around = self.around(run.store.conn(), &planned, None)?;
        let total = planned.plan.streams();
        let nothing = planned.plan.is_empty();
        if !self.args.json && !nothing {
            // Whether anybody reads it or not, what was asked for is done.
            let streams = count(total as u64, "stream");
            drop(writeln!(out, "Pushing to {}: {streams}", self.info.title));
            drop(out.flush());
        }
        let plan = planned.plan.clone();
        let done = run.execute(plan, &workspace).map_err(stop)?;
        screen.clear();
        if self.args.json {
            write_json(out, &around.json(&planned.plan, Some(&done)))?;
        } else if nothing {
            around.nothing(&planned.plan, out)?;
        } else {
            if total > 0 {
                screen::bar(done.pushed, total, out)?;
            }
            around.done(&done, out)?;
        }
        if done.failed.is_empty() && done.untried == 0 { Ok(()) } else { Err(Failure::Found) }
    }

    fn stop(&self, stopped: Stopped) -> Failure {
        match stopped {
            Stopped::Store(error) => error.into(),
            Stopped::Service { what, hint, come_back } => {
                let what = shown::what(self.filter, self.info.title, &what);
                let hint = harmless(&hint);
                let mut text = format!("{what}\n  Hint: {hint}\n  Nothing new was sent.");
                if let Some(at) = come_back {
                    let at = self.app.env.zone.local(at).format("%b %-d %H:%M");
                    text.push_str(&format!(" Run it again after {at}."));
                }
                Failure::Failed(text)
            }
        }
    }

    /// Two pushes at once would both see an entry missing.
    fn lock(&self) -> Result<File, Failure> {
        // By its real name: a link to it is the same database.
        let database = self.app.database()?;
        let database = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
        let mut name = database.file_name().unwrap_or_default().to_owned();
        name.push(".push.lock");
        let path: PathBuf = database.with_file_name(name);
        let cannot = |error: std::io::Error| {
            let path = self.app.env.shown(&path);
            Failure::Failed(format!(
                "cannot lock {path}: {error}\n  \
                 Nothing was sent. The folder of the database must be yours to write."
            ))
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(cannot)?;
        let began = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            if !told {
                say("Another tt push is running; waiting for it to end.");
                told = true;
            }
            if began.elapsed() > PATIENCE {
                return Err(Failure::Failed(
                    "another tt push is still running\n  Nothing was sent. Try again when it is done."
                        .to_owned(),
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn not_written(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::NotSent { why, .. } if why == csv::CLOSED => Failure::ClosedPipe,
        Trouble::NotSent { why, hint } => {
            Failure::Failed(format!("cannot write the output: {why}\n  {hint}."))
        }
        other => Failure::Failed(format!("cannot write the output: {other:?}")),
    }
}

//! Carrying a plan out, exactly once.
//!
//! ```text
//!             ┌──────────── one request ────────────┐
//!  ledger     intent ───────────────────────▶ outcome, entry, push_log     two transactions
//!  service             request ──▶ answer
//!                        ✗           ✗                                     lost: the intent stays
//!
//!  next run   intents without outcome ──▶ ask the service ──▶ outcome ──▶ plan ──▶ …
//! ```
//!
//! Whatever happens between the two transactions (a crash, a dropped connection, a timeout), the
//! next run asks the service before it plans anything: by id where there is one, else among the
//! entries that begin at that second for one of the same length and description that the ledger
//! does not have. As the service may still be at work for a client that is gone, it is given a while
//! before it is asked. Entries about to be changed are asked for as well: one that the person changed or
//! removed there is theirs.
//!
//! INVARIANT (settled first): nothing is sent while a request of an earlier run has no outcome.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::destination::{Destination, Keeps, Remote, Trouble};
use super::gather::Piece;
use super::http;
use super::plan::{Kept, Plan, Reason, Removal, Update, Why, day};
use crate::store::push::{self as ledger, Action, PushedEntry, Request, Standing, Verdict};
use crate::store::{self, Store};
use crate::time::{Interval, Millis, Timestamp};

/// After so many failures of the network in a row, the rest is not tried.
const PATIENCE: u32 = 2;
/// Up to so many entries are asked for one by one.
const ONE_BY_ONE: usize = 2;
const DAY: Millis = 24 * 3_600_000;
/// No request is under way for longer, its waits included.
const LONGEST: Millis = 3_600_000;

/// Who watches a run.
pub trait Watch: http::Watch {
    /// So many of so many requests are done.
    fn progress(&mut self, done: usize, of: usize);
}

/// What a run needs.
pub struct Run<'a> {
    /// The ledger.
    pub store: &'a mut Store,
    /// The destination's name in the ledger.
    pub key: &'a str,
    /// The destination's name for people.
    pub title: &'a str,
    /// Where entries go.
    pub destination: &'a mut dyn Destination,
    /// Whether what people did there is overwritten.
    pub force: bool,
    /// How long after a request without an answer the service is asked what became of it.
    pub settle: Duration,
    /// The clock.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Who is told.
    pub watch: &'a mut dyn Watch,
}

/// What a run did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Done {
    /// Streams that were sent as a whole.
    pub pushed: usize,
    /// Entries that were removed.
    pub removed: usize,
    /// What failed.
    pub failed: Vec<Failed>,
    /// What was left as it is.
    pub kept: Vec<Kept>,
    /// What was stored otherwise than it was sent: stream and what differs.
    pub differs: Vec<(String, String)>,
    /// Streams that were not tried, since that was pointless.
    pub untried: usize,
    /// When to come back, if a service said so.
    pub come_back: Option<Timestamp>,
}

/// A stream that could not be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failed {
    /// The stream.
    pub stream_id: String,
    /// What went wrong, such as `Toggl 400: project_id 12345 not found`.
    pub what: String,
    /// What to do.
    pub hint: String,
    /// Whether it may have been done nevertheless.
    pub open: bool,
}

/// Why a run stopped before anything new was sent.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The service could not be asked.
    #[error("{what}\n    Hint: {hint}")]
    Service {
        /// What went wrong.
        what: String,
        /// What to do.
        hint: String,
        /// When to come back, if it said so.
        come_back: Option<Timestamp>,
    },
}

/// How a request ended, for the rest of the run.
enum Next {
    GoOn,
    Stop,
}

impl Run<'_> {
    fn now(&self) -> String {
        (self.clock)().to_string()
    }

    /// The side of the destination that keeps entries; where there is none, nothing can be asked.
    fn keeps(&mut self) -> Result<&mut dyn Keeps, Stopped> {
        self.destination.keeps().ok_or_else(|| Stopped::Service {
            what: "this destination keeps no entries".to_owned(),
            hint: "Nothing was sent.".to_owned(),
            come_back: None,
        })
    }

    /// A service's trouble where the run cannot go on.
    fn stopped(&self, trouble: &Trouble) -> Stopped {
        let failed = failed(self.title, "", trouble);
        Stopped::Service {
            what: failed.what,
            hint: failed.hint,
            come_back: come_back(trouble, (self.clock)()),
        }
    }

    /// The workspace that entries go to.
    ///
    /// # Errors
    /// [`Stopped`], here and below.
    pub fn workspace(&mut self) -> Result<String, Stopped> {
        let workspace = self.keeps()?.workspace();
        workspace.map_err(|trouble| self.stopped(&trouble))
    }

    /// Takes what another program noted in `push_log` as entries of this workspace.
    pub fn adopt(&mut self, workspace: &str) -> Result<(), Stopped> {
        let logged = ledger::only_logged(self.store.conn(), self.key, workspace)?;
        if logged.is_empty() {
            return Ok(());
        }
        let tx = self.store.write()?;
        for entry in &logged {
            ledger::put(&tx, self.key, entry)?;
        }
        tx.commit().map_err(store::StoreError::from)?;
        Ok(())
    }

    // --- requests without an answer --------------------------------------------------------------

    /// Asks the service what became of the requests that have no outcome; how many there were.
    pub fn settle(&mut self, workspace: &str) -> Result<usize, Stopped> {
        let open = ledger::open_requests(self.store.conn(), self.key)?;
        let now = (self.clock)();
        let mut unsure = Vec::new();
        for request in &open {
            if request.workspace != workspace && self.force {
                self.end(request, Verdict::Absent, "given up by --force")?;
                continue;
            }
            if request.workspace != workspace {
                let (then, title) = (&request.workspace, self.title);
                return Err(Stopped::Service {
                    what: format!("a request to workspace {then} of {title} has no answer yet"),
                    hint: format!(
                        "Set workspace_id = \"{then}\" once and push again, or give it up by --force"
                    ),
                    come_back: None,
                });
            }
            self.let_settle(request, now);
            match request.action {
                Action::Create => unsure.extend(self.find(request)?.map(|it| (request, it))),
                Action::Update => self.look_after(request)?,
                Action::Delete => self.look_after(request)?,
            }
        }
        for (request, alike) in unsure {
            self.claim(request, alike)?;
        }
        Ok(open.len())
    }

    /// Gives the service the time to finish what it may still be doing: from when nobody waited for
    /// the answer any more; where that is not known, since the program was killed, from `now`.
    fn let_settle(&mut self, request: &Request, now: Timestamp) {
        let instant = |text: &String| Timestamp::parse(text);
        let began = instant(&request.began_at).map_or(i64::MIN, Timestamp::millis);
        let ended = request.ended_at.as_ref().and_then(instant);
        if ended.is_none() && began < now.millis().saturating_sub(LONGEST) {
            return;
        }
        let passed = (self.clock)().millis().saturating_sub(ended.unwrap_or(now).millis());
        let passed = Duration::from_millis(u64::try_from(passed).unwrap_or(0));
        let mut left = self.settle.saturating_sub(passed);
        while !left.is_zero() {
            self.watch.waiting(self.title, "an earlier request may still be under way", left);
            let step = left.min(Duration::from_secs(1));
            std::thread::sleep(step);
            left -= step;
        }
    }

    /// A creation: if the very entry is there and is not known, it is that. Else those that are
    /// alike, which may be another creation's.
    fn find(&mut self, request: &Request) -> Result<Option<Vec<Remote>>, Stopped> {
        let wanted: Option<Remote> =
            request.content.as_ref().and_then(|it| serde_json::from_str(it).ok());
        let Some(wanted) = wanted else { return Ok(Some(Vec::new())) };
        let window = Interval::new(wanted.start.plus(-1_000), wanted.start.plus(2_000));
        let mut alike = self.keeps()?.list(window).map_err(|trouble| self.stopped(&trouble))?;
        alike.retain(|it| it.looks_like(&wanted));
        // Ids grow, so the smallest is the oldest.
        alike.sort_by_key(|it| (it.id.len(), it.id.clone()));
        for it in alike.iter().filter(|it| it.same(&wanted)) {
            if !ledger::is_known(self.store.conn(), self.key, &it.id)? {
                return self.record(request, it).map(|()| None);
            }
        }
        // What is otherwise than it was to become is the person's doing.
        let ours = |it: Remote| Remote { id: it.id, billable: it.billable, ..wanted.clone() };
        Ok(Some(alike.into_iter().map(ours).collect()))
    }

    /// A creation of which there is nothing but entries that are alike: the first that is not known.
    fn claim(&mut self, request: &Request, alike: Vec<Remote>) -> Result<(), Stopped> {
        for it in alike {
            if !ledger::is_known(self.store.conn(), self.key, &it.id)? {
                return self.record(request, &it);
            }
        }
        self.end(request, Verdict::Absent, "the service has no such entry")
    }

    /// An update or a removal: what the entry is like now.
    fn look_after(&mut self, request: &Request) -> Result<(), Stopped> {
        let id = request.external_id.clone().unwrap_or_default();
        let there = self.keeps()?.get(&id).map_err(|trouble| self.stopped(&trouble))?;
        let wanted: Option<Remote> =
            request.content.as_ref().and_then(|it| serde_json::from_str(it).ok());
        match (there, wanted) {
            (None, _) if request.action == Action::Delete => {
                self.mark(request, Standing::Removed, Verdict::Done)
            }
            (None, _) => self.mark(request, Standing::Gone, Verdict::Gone),
            (Some(there), Some(wanted)) if there.same(&wanted) => self.record(request, &there),
            // Whether it is what it was before, or the person's, is asked again before it is
            // touched.
            (Some(_), _) => self.end(request, Verdict::Absent, "the service has not done it"),
        }
    }

    // --- the ledger ------------------------------------------------------------------------------

    fn begin(&mut self, mut request: Request) -> Result<Request, Stopped> {
        request.began_at = self.now();
        let tx = self.store.write()?;
        request.num = ledger::begin(&tx, self.key, &request)?;
        if request.action == Action::Create {
            // An entry for the same time that the person removed is history: from now on the stream
            // is one that is to be made there, also if this comes to nothing.
            for old in ledger::of_stream(&tx, self.key, &request.stream_id)? {
                if old.day == request.day
                    && matches!(old.standing, Standing::Gone | Standing::Unknown)
                {
                    let old = PushedEntry { standing: Standing::Removed, ..old };
                    ledger::put(&tx, self.key, &old)?;
                }
            }
        }
        tx.commit().map_err(store::StoreError::from)?;
        Ok(request)
    }

    fn end(&mut self, request: &Request, verdict: Verdict, note: &str) -> Result<(), Stopped> {
        let now = self.now();
        let tx = self.store.write()?;
        ledger::end(&tx, request.num, verdict, note, &now)?;
        tx.commit().map_err(store::StoreError::from)?;
        Ok(())
    }

    /// The service has the entry as it was to become.
    fn record(&mut self, request: &Request, there: &Remote) -> Result<(), Stopped> {
        let now = self.now();
        let tx = self.store.write()?;
        let entry = PushedEntry {
            workspace: request.workspace.clone(),
            external_id: there.id.clone(),
            stream_id: request.stream_id.clone(),
            day: request.day.clone(),
            standing: Standing::Ours,
            content: serde_json::to_string(there).ok(),
            fingerprint: request.fingerprint.clone(),
            stream_updated_at: request.stream_updated_at.clone(),
            pushed_at: now.clone(),
        };
        ledger::put(&tx, self.key, &entry)?;
        ledger::end(&tx, request.num, Verdict::Done, "", &now)?;
        tx.commit().map_err(store::StoreError::from)?;
        Ok(())
    }

    /// The entry stands to us otherwise from now on.
    fn mark(
        &mut self,
        request: &Request,
        standing: Standing,
        verdict: Verdict,
    ) -> Result<(), Stopped> {
        let now = self.now();
        let tx = self.store.write()?;
        for entry in ledger::of_stream(&tx, self.key, &request.stream_id)? {
            if Some(&entry.external_id) == request.external_id.as_ref() {
                // What was not sent counts as seen: it is not asked for again until more changes.
                let stream_updated_at = request.stream_updated_at.clone();
                let entry = PushedEntry { standing, stream_updated_at, ..entry };
                ledger::put(&tx, self.key, &entry)?;
            }
        }
        if request.num != 0 {
            ledger::end(&tx, request.num, verdict, "", &now)?;
        }
        tx.commit().map_err(store::StoreError::from)?;
        Ok(())
    }

    // --- carrying out ----------------------------------------------------------------------------

    /// Carries a plan out.
    ///
    /// # Errors
    /// Where the ledger fails, or the entries to be changed cannot be asked for. What was sent until
    /// then is in the ledger.
    pub fn execute(&mut self, mut plan: Plan, workspace: &str) -> Result<Done, Stopped> {
        let mut done = Done { kept: plan.kept.clone(), ..Done::default() };
        let versions = plan.take_versions();
        self.refresh(&plan)?;
        let there = self.ask(&plan)?;
        self.set_versions(versions.keys().map(|it| (it, ledger::NOT_WHOLE)))?;
        let total = plan.writes();
        let held = held(&plan, &there);
        let mut run = Progress { total, held, ..Progress::default() };
        self.watch.progress(0, total);
        for removal in plan.removals {
            self.removal(removal, &there, &mut run, &mut done)?;
        }
        for Update { entry, piece } in plan.updates {
            self.update(entry, piece, &there, &mut run, &mut done)?;
        }
        for piece in plan.creates {
            self.create(piece, workspace, &mut run, &mut done)?;
        }
        let is_whole = |it: &String| {
            [&run.bad, &run.untried, &run.blocked].iter().all(|set| !set.contains(it))
        };
        self.set_versions(
            versions.iter().filter(|it| is_whole(it.0)).map(|it| (it.0, it.1.as_str())),
        )?;
        done.pushed = run.good.difference(&run.bad).count();
        done.untried = run.untried.difference(&run.bad).count();
        Ok(done)
    }

    /// Streams that changed in nothing that is sent.
    fn refresh(&mut self, plan: &Plan) -> Result<(), Stopped> {
        if plan.refreshed.is_empty() {
            return Ok(());
        }
        let tx = self.store.write()?;
        for (entry, version) in &plan.refreshed {
            let entry = PushedEntry { stream_updated_at: version.clone(), ..entry.clone() };
            ledger::put(&tx, self.key, &entry)?;
        }
        tx.commit().map_err(store::StoreError::from)?;
        Ok(())
    }

    /// The entries of these streams are of these versions from now on.
    fn set_versions<'v>(
        &mut self,
        versions: impl Iterator<Item = (&'v String, &'v str)>,
    ) -> Result<(), Stopped> {
        let mut versions = versions.peekable();
        if versions.peek().is_none() {
            return Ok(());
        }
        let tx = self.store.write()?;
        for (stream, version) in versions {
            ledger::set_version(&tx, self.key, stream, version)?;
        }
        tx.commit().map_err(store::StoreError::from)?;
        Ok(())
    }

    /// What the service says of the entries that it is asked for, by id.
    fn ask(&mut self, plan: &Plan) -> Result<HashMap<String, Option<Remote>>, Stopped> {
        let mut there = HashMap::new();
        let Questions { entries: mut open, windows } = questions(plan, self.force);
        for window in windows {
            let listed = self.keeps()?.list(window).map_err(|trouble| self.stopped(&trouble))?;
            for it in listed {
                if open.remove(&it.id).is_some() {
                    there.insert(it.id.clone(), Some(it));
                }
            }
        }
        // Those that are elsewhere in time now, or not at all.
        for id in open.into_keys() {
            let found = self.keeps()?.get(&id).map_err(|trouble| self.stopped(&trouble))?;
            there.insert(id, found);
        }
        Ok(there)
    }

    fn removal(
        &mut self,
        removal: Removal,
        there: &HashMap<String, Option<Remote>>,
        run: &mut Progress,
        done: &mut Done,
    ) -> Result<(), Stopped> {
        let blocks = removal.blocks().map(str::to_owned);
        let reshaped = removal.reason == Reason::Reshaped;
        let entry = removal.entry;
        let request = request(&entry, Action::Delete, None);
        let is_held = blocks.as_ref().is_some_and(|it| run.held.contains(it));
        if is_held && reshaped && matches!(there.get(&entry.external_id), Some(None)) {
            run.blocked.extend(blocks);
            done.kept.push(Kept { stream_id: entry.stream_id.clone(), why: Why::Gone });
            return self.mark(&request, Standing::Gone, Verdict::Gone);
        }
        if entry.standing == Standing::Gone {
            return self.mark(&request, Standing::Removed, Verdict::Done);
        }
        match there.get(&entry.external_id) {
            Some(None) => return self.mark(&request, Standing::Removed, Verdict::Done),
            Some(Some(found)) if entry.remote().is_some_and(|known| !known.same(found)) => {
                run.blocked.extend(blocks);
                done.kept.push(Kept { stream_id: entry.stream_id.clone(), why: Why::Theirs });
                let standing = PushedEntry { standing: Standing::Theirs, ..entry };
                let tx = self.store.write()?;
                ledger::put(&tx, self.key, &standing)?;
                tx.commit().map_err(store::StoreError::from)?;
                return Ok(());
            }
            Some(Some(_)) | None => {}
        }
        if is_held {
            let into = blocks.clone().unwrap_or_default();
            if !reshaped {
                done.kept.push(Kept { stream_id: entry.stream_id, why: Why::Joined(into) });
            }
            run.blocked.extend(blocks);
            return Ok(());
        }
        if run.stopped {
            run.untried.insert(entry.stream_id);
            run.blocked.extend(blocks);
            return Ok(());
        }
        let request = self.begin(request)?;
        let answer = self.keeps()?.delete(&entry.external_id);
        match answer {
            Ok(()) | Err(Trouble::Gone) => {
                self.mark(&request, Standing::Removed, Verdict::Done)?;
                done.removed += 1;
                run.network = 0;
            }
            Err(trouble) => {
                run.blocked.extend(blocks);
                self.trouble(&request, &trouble, run, done)?;
            }
        }
        self.step(run);
        Ok(())
    }

    fn update(
        &mut self,
        entry: PushedEntry,
        piece: Piece,
        there: &HashMap<String, Option<Remote>>,
        run: &mut Progress,
        done: &mut Done,
    ) -> Result<(), Stopped> {
        let mut request = request(&entry, Action::Update, Some(&piece));
        // Of an entry that is the person's, that is said.
        let is_theirs = match there.get(&entry.external_id) {
            Some(None) => true,
            Some(Some(found)) => entry.remote().is_some_and(|known| !known.same(found)),
            None => false,
        };
        if !is_theirs && self.is_blocked(&piece, run, done) {
            return Ok(());
        }
        let expected = match self.keeps()?.expected(&piece.entry) {
            // What is not said of an entry stays as it is there.
            Ok(expected) => Remote {
                id: entry.external_id.clone(),
                billable: match piece.entry.get().billable {
                    Some(_) => expected.billable,
                    None => entry.remote().map_or(expected.billable, |known| known.billable),
                },
                ..expected
            },
            Err(trouble) => return self.unprepared(&piece, &trouble, run, done),
        };
        let why = match there.get(&entry.external_id) {
            Some(None) => Some((Standing::Gone, Verdict::Gone, Why::Gone)),
            Some(Some(found)) if found.same(&expected) => {
                run.good.insert(entry.stream_id.clone());
                let found = found.clone();
                let request = self.begin(Request { content: json(&found), ..request })?;
                return self.record(&request, &found);
            }
            Some(Some(found)) if entry.remote().is_some_and(|known| !known.same(found)) => {
                Some((Standing::Theirs, Verdict::Theirs, Why::Theirs))
            }
            Some(Some(_)) | None => None,
        };
        if let Some((standing, verdict, why)) = why {
            done.kept.push(Kept { stream_id: entry.stream_id.clone(), why });
            return self.mark(&request, standing, verdict);
        }
        if run.stopped {
            run.untried.insert(entry.stream_id);
            return Ok(());
        }
        request.content = json(&expected);
        let request = self.begin(request)?;
        let answer = self.keeps()?.update(&entry.external_id, &piece.entry);
        match answer {
            Ok(there) => {
                self.record(&request, &there)?;
                compare(&there, &expected, &entry.stream_id, done);
                run.good.insert(entry.stream_id);
                run.network = 0;
            }
            Err(Trouble::Gone) if self.force => {
                self.mark(&request, Standing::Gone, Verdict::Gone)?;
                return self.create(piece, &entry.workspace, run, done);
            }
            Err(Trouble::Gone) => {
                self.mark(&request, Standing::Gone, Verdict::Gone)?;
                done.kept.push(Kept { stream_id: entry.stream_id, why: Why::Gone });
            }
            Err(trouble) => self.trouble(&request, &trouble, run, done)?,
        }
        self.step(run);
        Ok(())
    }

    fn create(
        &mut self,
        piece: Piece,
        workspace: &str,
        run: &mut Progress,
        done: &mut Done,
    ) -> Result<(), Stopped> {
        let stream = piece.entry.get().stream.clone();
        if self.is_blocked(&piece, run, done) {
            return Ok(());
        }
        if run.stopped {
            run.untried.insert(stream);
            return Ok(());
        }
        let expected = match self.keeps()?.expected(&piece.entry) {
            Ok(expected) => expected,
            Err(trouble) => return self.unprepared(&piece, &trouble, run, done),
        };
        let request = self.begin(Request {
            num: 0,
            workspace: workspace.to_owned(),
            action: Action::Create,
            stream_id: stream.clone(),
            day: day(&piece),
            external_id: None,
            content: json(&expected),
            fingerprint: piece.entry.get().fingerprint(),
            stream_updated_at: piece.updated_at.clone(),
            began_at: String::new(),
            ended_at: None,
        })?;
        match self.destination.create(&piece.entry) {
            Ok(Some(there)) => {
                self.record(&request, &there)?;
                compare(&there, &expected, &stream, done);
                run.good.insert(stream);
                run.network = 0;
            }
            // Nothing that could be noted: the service is asked in the next run.
            Ok(None) => {}
            Err(trouble) => self.trouble(&request, &trouble, run, done)?,
        }
        self.step(run);
        Ok(())
    }

    /// A look-up that an entry needs failed; nothing was sent of it.
    fn unprepared(
        &mut self,
        piece: &Piece,
        trouble: &Trouble,
        run: &mut Progress,
        done: &mut Done,
    ) -> Result<(), Stopped> {
        self.tell(&piece.entry.get().stream, trouble, run, done);
        self.step(run);
        Ok(())
    }

    fn is_blocked(&self, piece: &Piece, run: &Progress, done: &mut Done) -> bool {
        let stream = &piece.entry.get().stream;
        let blocked = run.blocked.contains(stream);
        if blocked {
            let kept = Kept { stream_id: stream.clone(), why: Why::Blocked };
            if !done.kept.contains(&kept) {
                done.kept.push(kept);
            }
        }
        blocked
    }

    /// Notes what became of a request that failed.
    fn trouble(
        &mut self,
        request: &Request,
        trouble: &Trouble,
        run: &mut Progress,
        done: &mut Done,
    ) -> Result<(), Stopped> {
        let what = failed(self.title, "", trouble).what;
        match trouble {
            Trouble::Unknown { .. } => {
                let now = self.now();
                let tx = self.store.write()?;
                ledger::remark(&tx, request.num, &what, &now)?;
                tx.commit().map_err(store::StoreError::from)?;
            }
            Trouble::NotSent { .. } => self.end(request, Verdict::NotSent, &what)?,
            Trouble::Refused { .. } | Trouble::Wait { .. } => {
                self.end(request, Verdict::Refused, &what)?;
            }
            Trouble::Gone => self.end(request, Verdict::Gone, &what)?,
        }
        self.tell(&request.stream_id, trouble, run, done);
        Ok(())
    }

    /// Adds a failure to what is told, and decides whether the rest is tried.
    fn tell(&mut self, stream: &str, trouble: &Trouble, run: &mut Progress, done: &mut Done) {
        run.bad.insert(stream.to_owned());
        done.failed.push(failed(self.title, stream, trouble));
        let next = match trouble {
            Trouble::Refused { all, .. } => {
                run.network = 0;
                if *all { Next::Stop } else { Next::GoOn }
            }
            // Short waits are over by now: whatever comes next would be refused as well.
            Trouble::Wait { .. } => {
                done.come_back = come_back(trouble, (self.clock)());
                Next::Stop
            }
            Trouble::NotSent { .. } | Trouble::Unknown { .. } => {
                run.network += 1;
                if run.network >= PATIENCE { Next::Stop } else { Next::GoOn }
            }
            Trouble::Gone => Next::GoOn,
        };
        run.stopped |= matches!(next, Next::Stop);
    }

    fn step(&mut self, run: &mut Progress) {
        run.done += 1;
        self.watch.progress(run.done, run.total);
    }
}

/// How far a run is.
#[derive(Default)]
struct Progress {
    total: usize,
    done: usize,
    good: BTreeSet<String>,
    bad: BTreeSet<String>,
    untried: BTreeSet<String>,
    /// Streams that must wait, since an entry with their time is still there.
    blocked: BTreeSet<String>,
    /// Streams that stay in the form they have, since a part of them is the person's.
    held: BTreeSet<String>,
    /// Failures of the network in a row.
    network: u32,
    stopped: bool,
}

/// Streams that must wait although all that they wait for could be removed: the person changed one of
/// those entries, or removed one that another form of the same stream was to replace, or the stream's
/// own entry is the person's. Were the others removed, their time would be nowhere.
fn held(plan: &Plan, there: &HashMap<String, Option<Remote>>) -> BTreeSet<String> {
    let is_changed = |it: &PushedEntry| match (there.get(&it.external_id), it.remote()) {
        (Some(Some(found)), Some(known)) => !known.same(found),
        (Some(_), _) | (None, _) => false,
    };
    let is_gone = |it: &PushedEntry| matches!(there.get(&it.external_id), Some(None));
    let removals = plan
        .removals
        .iter()
        .filter(|it| is_changed(&it.entry) || it.reason == Reason::Reshaped && is_gone(&it.entry));
    let blocked = removals.filter_map(Removal::blocks);
    let updates = plan.updates.iter().filter(|it| is_changed(&it.entry) || is_gone(&it.entry));
    blocked.chain(updates.map(|it| it.entry.stream_id.as_str())).map(str::to_owned).collect()
}

fn request(entry: &PushedEntry, action: Action, piece: Option<&Piece>) -> Request {
    Request {
        num: 0,
        workspace: entry.workspace.clone(),
        action,
        stream_id: entry.stream_id.clone(),
        day: entry.day.clone(),
        external_id: Some(entry.external_id.clone()),
        content: None,
        fingerprint: piece
            .map_or_else(|| entry.fingerprint.clone(), |it| it.entry.get().fingerprint()),
        stream_updated_at: piece
            .map_or_else(|| entry.stream_updated_at.clone(), |it| it.updated_at.clone()),
        began_at: String::new(),
        ended_at: None,
    }
}

fn json(remote: &Remote) -> Option<String> {
    serde_json::to_string(remote).ok()
}

/// Notes where the service made something else of an entry than was sent.
fn compare(there: &Remote, sent: &Remote, stream: &str, done: &mut Done) {
    let mut what = Vec::new();
    let parts = [
        ("start", there.start != sent.start),
        ("duration", there.seconds != sent.seconds),
        (
            "description",
            !there.looks_like(&Remote { description: sent.description.clone(), ..there.clone() }),
        ),
        ("tags", there.tags != sent.tags),
        ("project", there.project != sent.project),
        ("billable", there.billable != sent.billable),
    ];
    what.extend(parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name));
    if !what.is_empty() {
        done.differs.push((stream.to_owned(), what.join(", ")));
    }
}

/// What a service is asked before a plan is carried out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Questions {
    /// The ids of the entries that are asked for, and when they start.
    entries: BTreeMap<String, Timestamp>,
    /// What is listed first; where there is nothing, they are asked for one by one.
    windows: Vec<Interval>,
}

impl Questions {
    /// How many requests that takes. A list of more than one page takes more, and so do entries
    /// that the person moved.
    #[must_use]
    pub fn requests(&self) -> usize {
        if self.windows.is_empty() { self.entries.len() } else { self.windows.len() }
    }
}

/// What a service is asked before `plan` is carried out: the entries that are to be changed or
/// removed, but for those that are overwritten anyway (`force`), or of which nothing is known to
/// compare with.
#[must_use]
pub fn questions(plan: &Plan, force: bool) -> Questions {
    if force {
        return Questions::default();
    }
    let removed = plan.removals.iter().map(|it| &it.entry);
    let asked = removed.chain(plan.updates.iter().map(|it| &it.entry));
    let asked = asked.filter(|it| it.standing != Standing::Gone);
    let entries: BTreeMap<String, Timestamp> =
        asked.filter_map(|it| Some((it.external_id.clone(), it.remote()?.start))).collect();
    let listed = entries.len() > ONE_BY_ONE;
    let windows = if listed { windows(entries.values().copied().collect()) } else { Vec::new() };
    Questions { entries, windows }
}

/// Windows around these starts, few and not much longer than they must be.
fn windows(mut starts: Vec<Timestamp>) -> Vec<Interval> {
    starts.sort_unstable();
    let mut out: Vec<Interval> = Vec::new();
    for start in starts {
        let window = Interval::new(start.plus(-1_000), start.plus(2_000));
        match out.last_mut() {
            Some(last) if start <= last.end.plus(7 * DAY) => last.end = window.end,
            _ => out.push(window),
        }
    }
    out
}

/// A failure in words.
fn failed(title: &str, stream: &str, trouble: &Trouble) -> Failed {
    let (what, hint, open) = match trouble {
        Trouble::Refused { status, message, hint, .. } => {
            (format!("{title} {status}: {message}"), hint.clone(), false)
        }
        Trouble::Wait { status, message, after, quota } => {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            let hint = if *quota {
                format!(
                    "The quota comes back in {} (re-run then to push the rest)",
                    super::bill::length(i64::try_from(seconds).unwrap_or(i64::MAX))
                )
            } else {
                format!("Waiting {seconds}s before retry... (re-run to retry failed entries)")
            };
            (format!("{title} {status}: {message}"), hint, false)
        }
        Trouble::Gone => (
            format!("{title} 404: the entry is not there any more"),
            "Use --force to create it again".to_owned(),
            false,
        ),
        Trouble::NotSent { why, hint } => (format!("Network error: {why}"), hint.clone(), false),
        Trouble::Unknown { why, hint } => {
            let network = if why.starts_with(title) { "" } else { "Network error: " };
            (format!("{network}{why}"), hint.clone(), true)
        }
    };
    Failed { stream_id: stream.to_owned(), what, hint, open }
}

fn come_back(trouble: &Trouble, now: Timestamp) -> Option<Timestamp> {
    match trouble {
        Trouble::Wait { after, .. } => {
            Some(now.plus(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)))
        }
        Trouble::Refused { .. }
        | Trouble::Gone
        | Trouble::NotSent { .. }
        | Trouble::Unknown { .. } => None,
    }
}

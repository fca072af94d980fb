//! Entries that are older than Toggl lists: its reports have them, in groups and page by page, with
//! tags by number.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{DAY, MOST_PAGES, Toggl, sorted};
use crate::push::destination::{Remote, Trouble};
use crate::push::http::{Call, to_second};
use crate::time::{Interval, Timestamp};

const PAGE_SIZE: u32 = 50;
/// In which header the next page is announced, and how it is asked for.
const NEXT: [(&str, &str); 3] = [
    ("x-next-id", "first_id"),
    ("x-next-row-number", "first_row_number"),
    ("x-next-timestamp", "first_timestamp"),
];

/// Entries that are alike but for their time.
#[derive(Deserialize)]
struct Group {
    user_id: Option<i64>,
    project_id: Option<i64>,
    billable: Option<bool>,
    description: Option<String>,
    tag_ids: Option<Vec<i64>>,
    time_entries: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    id: i64,
    seconds: i64,
    start: Timestamp,
    stop: Option<String>,
}

impl Toggl<'_> {
    /// The person's entries of `window`, and of the days around it: reports think in days of a
    /// zone.
    pub(super) fn reported(
        &mut self,
        workspace: i64,
        window: Interval,
    ) -> Result<Vec<Remote>, Trouble> {
        let me = self.me()?.id;
        let name = workspace.to_string();
        let mut groups = self.groups(&name, window)?;
        // In a report are the colleagues' entries too.
        groups.retain(|group| group.user_id.is_none_or(|id| id == me));
        let has_tags = groups.iter().any(|it| it.tag_ids.as_ref().is_some_and(|it| !it.is_empty()));
        let tags = if has_tags { self.tags(&name)? } else { Default::default() };
        Ok(groups
            .into_iter()
            .flat_map(|group| {
                let ids = group.tag_ids.unwrap_or_default();
                let named = ids.iter().map(|id| tags.get(id).cloned());
                let template = Remote {
                    id: String::new(),
                    start: Timestamp::MIN,
                    seconds: None,
                    description: group.description.unwrap_or_default(),
                    tags: sorted(named.flatten().collect()),
                    project: group.project_id.map(|id| id.to_string()),
                    billable: group.billable.unwrap_or(false),
                };
                group.time_entries.into_iter().map(move |part| Remote {
                    id: part.id.to_string(),
                    start: to_second(part.start),
                    seconds: (part.stop.is_some() && part.seconds >= 0).then_some(part.seconds),
                    ..template.clone()
                })
            })
            .collect())
    }

    fn groups(&mut self, workspace: &str, window: Interval) -> Result<Vec<Group>, Trouble> {
        let day = |at: Timestamp| at.to_datetime().format("%Y-%m-%d").to_string();
        let path = ["reports", "api", "v3", "workspace", workspace, "search", "time_entries"];
        let mut body = json!({
            "start_date": day(window.start.plus(-DAY)),
            "end_date": day(window.end.plus(DAY)),
            "page_size": PAGE_SIZE,
        });
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let call = Call { from_host: true, writes: false, ..Call::post(&path, &body) };
            let answer = self.ask(&call, false)?;
            let groups: Option<Vec<Group>> = self.http.read(&call, &answer)?;
            all.extend(groups.unwrap_or_default());
            let next = NEXT.map(|(header, field)| (field, answer.header(header).and_then(number)));
            if next.iter().all(|(_, value)| value.is_none()) {
                break;
            }
            for (field, value) in next {
                if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
                    body.insert(field.to_owned(), value);
                }
            }
        }
        Ok(all)
    }
}

fn number(text: &str) -> Option<Value> {
    text.trim().parse::<i64>().ok().map(Value::from)
}

//! Test reports: a suite per file, a case per finding.
//!
//! A case fails exactly if its finding fails the check, so that a report is as red as the exit
//! status; a warning is a case that passes and says why it was made. A file without findings is one
//! case that passes.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Shown, background, region};
use crate::diag::{Finding, Severity};

/// All findings as XML.
#[must_use]
pub fn render(shown: &[Shown<'_>]) -> String {
    let mut report = Report::new("tt rules check");
    for it in shown {
        let mut suite = TestSuite::new(it.path);
        if it.findings.is_empty() {
            let mut case = TestCase::new("no findings", TestCaseStatus::success());
            case.set_classname(it.path);
            suite.add_test_case(case);
        }
        suite.add_test_cases(it.findings.iter().map(|finding| case(finding, it)));
        report.add_test_suite(suite);
    }
    // Writing to memory fails for no report.
    report.to_string().unwrap_or_default()
}

fn case(finding: &Finding, shown: &Shown<'_>) -> TestCase {
    let (start, _) = region(finding.primary.span, shown.file);
    let place = format!("{}:{}:{}", shown.path, start.line, start.column);
    let text = [vec![place.clone()], background(finding)].concat().join("\n");
    let name = format!("{} {} ({place})", finding.code, finding.code.slug());
    let mut case = match finding.severity {
        Severity::Error => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(finding.code.id()).set_message(&finding.headline);
            status.set_description(text);
            TestCase::new(name, status)
        }
        Severity::Warning => {
            let mut case = TestCase::new(name, TestCaseStatus::success());
            case.set_system_out(format!("warning: {}\n{text}", finding.headline));
            case
        }
    };
    case.set_classname(shown.path);
    case
}

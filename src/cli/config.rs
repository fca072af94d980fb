//! `tt config`: where the config file is, and what may stand in it.

use std::io::Write;

use super::app::App;
use super::args::ConfigCommand;
use super::error::Outcome;
use super::write_json;
use crate::schema;

pub(super) fn run(app: &App, command: &ConfigCommand, out: &mut dyn Write) -> Outcome {
    match command {
        ConfigCommand::Path => {
            // As bytes: a path need not be text.
            out.write_all(app.config.as_os_str().as_encoded_bytes())?;
            Ok(writeln!(out)?)
        }
        ConfigCommand::Schema => write_json(out, &schema::config()),
    }
}

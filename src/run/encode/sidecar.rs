//! The sidecar of a snapshot, which the restore tool reads (`encoding.md#sidecar-and-restore-tool`).

use serde::Serialize;
use time::format_description::well_known::Rfc3339;

use super::{EncodeRequest, SelfTest};
use crate::bug::Bug;
use crate::error::Result;
use crate::time::Hlc;
use crate::tree::json::{self, Html};
use crate::tree::manifest::Manifest;

const TIME: Bug = Bug::new("the time of a run has no RFC 3339 form");

/// What the sidecar's name ends in.
pub(super) const SUFFIX: &str = ".encode_info.json";

/// The sidecar, member by member.
#[derive(Clone, Serialize)]
pub(super) struct Sidecar {
    format_version: u32,
    encoder_version: String,
    encoder_key_format_version: u32,
    wall_time_iso: String,
    input_root: String,
    output_fsm_path: String,
    output_fsm_sha256: String,
    last_commit_ts: Hlc,
    last_commit_ts_overridden: bool,
    manifest_last_commit_ts: Hlc,
    #[serde(skip_serializing_if = "String::is_empty")]
    manifest_cluster_id: String,
    adapters_enabled: Vec<&'static str>,
    self_test: SelfTest,
}

impl Sidecar {
    /// Returns what the sidecars of all snapshots of a run have alike.
    pub(super) fn new(
        request: &EncodeRequest,
        manifest: &Manifest,
        last_commit_ts: Hlc,
        adapters_enabled: Vec<&'static str>,
    ) -> Result<Self> {
        let wall_time = request.wall_time.to_offset(time::UtcOffset::UTC);
        Ok(Self {
            format_version: 1,
            encoder_version: format!("ekv-backup {}", env!("CARGO_PKG_VERSION")),
            encoder_key_format_version: 1,
            wall_time_iso: wall_time.format(&Rfc3339).map_err(|_| TIME)?,
            input_root: request.input.to_string_lossy().into_owned(),
            output_fsm_path: String::new(),
            output_fsm_sha256: String::new(),
            last_commit_ts,
            last_commit_ts_overridden: request.commit_ts.is_some(),
            manifest_last_commit_ts: manifest.last_commit_ts,
            manifest_cluster_id: manifest.cluster_id.clone(),
            adapters_enabled,
            self_test: SelfTest { ran: request.self_test, matched: request.self_test },
        })
    }

    /// Returns the text for one snapshot.
    pub(super) fn of(&self, path: &str, sha256: &str) -> Vec<u8> {
        let sidecar =
            Self { output_fsm_path: path.to_owned(), output_fsm_sha256: sha256.to_owned(), ..self.clone() };
        let mut text = Vec::new();
        json::indented(&mut text, &sidecar, Html::Raw);
        text.push(b'\n');
        text
    }
}

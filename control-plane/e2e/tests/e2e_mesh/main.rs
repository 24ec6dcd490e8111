//! Claims about whole meshes of real processes. Programs: `$FERRO_DIST`, else `dist/`, made by `make build`.

mod files;
mod gateway;
mod life;
mod netns;
mod outage;
mod refusal;
mod registration;
mod verbs;
mod versions;
mod weights;

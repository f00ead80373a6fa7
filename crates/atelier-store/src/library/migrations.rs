//! From the layout of an older program to today's, one numbered step after the other.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;

use crate::error::{Error, Result};

/// The steps; the number of a layout is how many of them were done.
const STEPS: &[&str] = &[
    include_str!("../../migrations/001_datasets.sql"),
    include_str!("../../migrations/002_image_by_id.sql"),
    include_str!("../../migrations/003_runs_and_models.sql"),
    include_str!("../../migrations/004_jobs.sql"),
    include_str!("../../migrations/005_promised_models.sql"),
    include_str!("../../migrations/006_names.sql"),
    include_str!("../../migrations/007_origins.sql"),
    include_str!("../../migrations/008_drawings.sql"),
    include_str!("../../migrations/009_accounts.sql"),
    include_str!("../../migrations/010_previews.sql"),
    include_str!("../../migrations/011_doors.sql"),
    include_str!("../../migrations/012_refusals.sql"),
    include_str!("../../migrations/013_trained_steps.sql"),
    include_str!("../../migrations/014_checkpoints_written_again.sql"),
];
/// Says in the file's header that the catalogue is ours.
const APPLICATION: i32 = i32::from_be_bytes(*b"Atel");

/// How far a catalogue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// There is nothing in it yet.
    Empty,
    /// This many steps were done.
    Done(usize),
}

/// The steps that lead to today's layout.
pub(crate) fn newest_layout() -> usize {
    STEPS.len()
}

/// What is in the file, without changing it.
///
/// # Errors
/// When it is another program's, or a newer one's.
pub(crate) fn layout(connection: &Connection, path: &Path) -> Result<Layout> {
    let other = |problem: String| Error::OtherCatalogue {
        path: path.to_owned(),
        problem,
    };
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let count = "SELECT count(*) FROM sqlite_schema";
    let tables: u32 = connection.query_row(count, [], |row| row.get(0))?;
    let (application, done) = (number("application_id")?, number("user_version")?);
    if tables == 0 {
        return Ok(Layout::Empty);
    }
    if application != APPLICATION {
        return Err(other("it is another program's".to_owned()));
    }
    match usize::try_from(done) {
        Ok(done) if done <= STEPS.len() => Ok(Layout::Done(done)),
        _ => {
            let known = STEPS.len();
            Err(other(format!(
                "its layout is version {done}, and this program knows versions up to {known}"
            )))
        }
    }
}

/// Brings the catalogue to today's layout, wholly or not at all. One that has it is only read.
pub(super) fn run(connection: &mut Connection, path: &Path) -> Result<()> {
    if layout(connection, path)? == Layout::Done(STEPS.len()) {
        return Ok(());
    }
    // Alone, and with another look, since another process may have done the same.
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = match layout(&change, path)? {
        Layout::Empty => 0,
        Layout::Done(done) => done,
    };
    for step in STEPS.iter().skip(done) {
        change.execute_batch(step)?;
    }
    if done == 0 {
        let id = Uuid::now_v7().to_string();
        change.execute("INSERT INTO library (id, is_copy) VALUES (?, 0)", [id])?;
    }
    change.pragma_update(None, "application_id", APPLICATION)?;
    change.pragma_update(None, "user_version", STEPS.len())?;
    Ok(change.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::names;

    fn in_memory() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        names::register(&connection).unwrap();
        connection
    }

    /// A catalogue as a program left it that knew the first `steps`, with a dataset.
    fn older(steps: usize) -> Connection {
        let connection = in_memory();
        for step in &STEPS[..steps] {
            connection.execute_batch(step).unwrap();
        }
        connection
            .execute_batch(
                "INSERT INTO library (id, is_copy) VALUES ('own', 0); \
                 INSERT INTO dataset (id, name, description, category, trigger_word, created_ms, trashed_ms) VALUES ('d', 'faces', '', 'character', '', 0, NULL)",
            )
            .unwrap();
        let set = |name, value: i32| connection.pragma_update(None, name, value).unwrap();
        set("application_id", APPLICATION);
        set("user_version", i32::try_from(steps).unwrap());
        connection
    }

    /// Every table and index with what made it.
    fn schema(connection: &Connection) -> Vec<String> {
        let query = "SELECT name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name";
        let mut statement = connection.prepare(query).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn catalogues_of_every_older_program_become_todays_and_keep_what_they_hold() {
        let path = Path::new("x");
        let mut new = in_memory();
        run(&mut new, path).unwrap();
        for steps in 1..=STEPS.len() {
            let mut connection = older(steps);
            assert_eq!(layout(&connection, path).unwrap(), Layout::Done(steps));
            run(&mut connection, path).unwrap();
            let done = layout(&connection, path).unwrap();
            assert_eq!(done, Layout::Done(STEPS.len()), "from {steps}");
            assert_eq!(schema(&connection), schema(&new), "from {steps}");
            let kept = "SELECT l.id || ' ' || d.name FROM library l, dataset d";
            let kept: String = connection.query_row(kept, [], |row| row.get(0)).unwrap();
            assert_eq!(kept, "own faces");
        }
    }

    #[test]
    fn models_of_older_programs_say_what_they_come_from_and_which_is_the_result() {
        let mut connection = older(6);
        let rows = "INSERT INTO blob (hash, size_bytes) VALUES ('h', 1); \
             INSERT INTO run (id, name, dataset, dataset_name, dataset_version, dataset_hash, base, base_hash, config, \
               state, done_steps, total_steps, training_secs, created_ms, changed_ms, model_id) VALUES \
               ('kept', 'faces-1', 'd', 'faces', 2, 'v', '', '', '', 'completed', 0, 0, 0, 0, 0, 'c'), \
               ('old', 'faces-2', 'd', 'faces', 3, 'w', '', '', '', 'completed', 0, 0, 0, 0, 0, NULL), \
               ('open', 'faces-3', 'd', 'faces', 3, 'w', '', '', '', 'stopped', 0, 0, 0, 0, 0, 'x'); \
             INSERT INTO model (number, id, name, description, category, trigger_word, strength, blob, run, base, created_ms) \
               VALUES (1, 'a', '1', '', '', '', 1, 'h', NULL, '', 0), (2, 'b', '2', '', '', '', 1, 'h', 'kept', '', 0), \
               (3, 'c', '3', '', '', '', 1, 'h', 'kept', '', 0), (4, 'd', '4', '', '', '', 1, 'h', 'old', '', 0), \
               (5, 'e', '5', '', '', '', 1, 'h', 'old', '', 0), (6, 'f', '6', '', '', '', 1, 'h', 'open', '', 0);";
        connection.execute_batch(rows).unwrap();
        run(&mut connection, Path::new("x")).unwrap();
        let query = "SELECT group_concat(id || is_result || coalesce(origin_run || origin_version || origin_hash, ''), ' ') \
                     FROM (SELECT * FROM model ORDER BY number)";
        let found: String = connection.query_row(query, [], |row| row.get(0)).unwrap();
        let expected = "a0 b0faces-12v c1faces-12v d1faces-23w e0faces-23w f0faces-33w";
        assert_eq!(found, expected);
    }

    #[test]
    fn pictures_of_older_programs_are_found_by_their_models() {
        let step = STEPS.iter().position(|step| step.contains("picture_model"));
        let mut connection = older(step.unwrap());
        let rows = "INSERT INTO blob (hash, size_bytes) VALUES ('h', 1), ('g', 1); \
             INSERT INTO model (number, id, name, description, category, trigger_word, strength, blob, base, created_ms) VALUES \
               (1, 'asked', '1', '', '', '', 1, 'h', '', 0), (2, 'named', '2', '', '', '', 1, 'g', '', 0); \
             INSERT INTO job (id, kind, priority, request, state, attempt, fruitless, created_ms) VALUES \
               ('j', 'generation', 0, '{\"models\": [{\"model\": \"asked\"}, {\"model\": \"gone\"}]}', 'completed', 1, 0, 0); \
             INSERT INTO picture (id, job, position, blob, seed, recipe, created_ms, trashed_ms) VALUES \
               ('a', 'j', 0, 'h', 1, '{\"adapters\": [{\"sha256\": \"h\"}, {\"sha256\": \"g\"}]}', 5, NULL), \
               ('b', 'j', 1, 'h', 1, '{\"prompt\": \"\"}', 5, 7), \
               ('c', NULL, 0, 'h', 1, '{\"adapters\": [{\"sha256\": \"g\"}]}', 6, NULL);";
        connection.execute_batch(rows).unwrap();
        run(&mut connection, Path::new("x")).unwrap();
        let query = "SELECT group_concat(model || is_trashed || picture, ' ') \
                     FROM (SELECT * FROM picture_model ORDER BY model, picture)";
        let found: String = connection.query_row(query, [], |row| row.get(0)).unwrap();
        assert_eq!(found, "asked0a asked1b named0a named0c");
    }

    #[test]
    fn seconds_of_older_programs_were_spent_in_the_steps_that_are_done() {
        let step = STEPS.iter().position(|step| step.contains("trained_steps"));
        let mut connection = older(step.unwrap());
        let rows = "INSERT INTO run (id, name, dataset, dataset_name, dataset_version, dataset_hash, base, base_hash, config, \
               state, done_steps, total_steps, training_secs, created_ms, changed_ms) VALUES \
               ('a', 'faces-1', 'd', 'faces', 2, 'v', '', '', '', 'completed', 40, 40, 8.5, 0, 0)";
        connection.execute_batch(rows).unwrap();
        run(&mut connection, Path::new("x")).unwrap();
        let query = "SELECT trained_steps FROM run";
        let steps: u64 = connection.query_row(query, [], |row| row.get(0)).unwrap();
        assert_eq!(steps, 40);
    }

    #[test]
    fn names_that_were_two_until_now_stay_and_no_third_comes() {
        let mut connection = older(4);
        let insert = |connection: &Connection, id: &str, name: &str| {
            let insert = "INSERT INTO dataset (id, name, description, category, trigger_word, created_ms) \
                          VALUES (?, ?, '', 'character', '', 0)";
            connection.execute(insert, [id, name])
        };
        for (id, name) in [("a", "É"), ("b", "é"), ("c", "e\u{301}")] {
            insert(&connection, id, name).unwrap();
        }
        run(&mut connection, Path::new("x")).unwrap();
        let count = "SELECT count(*) FROM dataset";
        let count: u32 = connection.query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(count, 4);
        assert!(insert(&connection, "e", "E\u{301}").is_err());
        // Other changes of a younger one leave it as it is, and with another name it is like any other.
        let rename = |to: &str| {
            let rename = "UPDATE dataset SET name = ?, trigger_word = 'x' WHERE id = 'c'";
            connection.execute(rename, [to])
        };
        rename("e\u{301}").unwrap();
        rename("other").unwrap();
        assert!(rename("É").is_err());
    }
}

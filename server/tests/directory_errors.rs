//! What the embedded store says when the folder is not what it needs. No test relies on permissions, because the superuser
//! has them all. A file where a folder should be stops everybody, and a folder where a file should be.

use std::fs::{self, File};
use std::path::Path;

use tempfile::TempDir;
use valthree::store::directory::Directory;
use valthree::store::{Condition, Got, Store, StoreError};

fn folder() -> (TempDir, Directory) {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::open(folder.path()).unwrap();
    (folder, store)
}

fn assert_names(error: &impl ToString, operation: &str, path: &Path) {
    let (text, path) = (error.to_string(), path.display().to_string());
    assert!(text.contains(operation) && text.contains(&path), "{text:?} does not say {operation:?} and {path:?}");
}

fn assert_did_not_happen<T: std::fmt::Debug>(result: Result<T, StoreError>, operation: &str, path: &Path) {
    match result {
        Err(error @ StoreError::DidNotHappen(_)) => assert_names(&error, operation, path),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_folder_is_created_with_those_above_it_and_no_object() {
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("a/b/valthree-data");
    let store = Directory::open(&inner).unwrap();
    assert_eq!(store.list("").await.unwrap(), Vec::<String>::new());
    store.put("db.json", "{}".into(), &Condition::Absent).await.unwrap();
    let again = Directory::open(&inner).unwrap();
    assert!(matches!(again.get("db.json", None).await.unwrap(), Got::Object { .. }));
}

#[test]
fn a_path_that_cannot_be_a_store_is_refused_by_name() {
    let outer = tempfile::tempdir().unwrap();
    let file = outer.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert_names(&Directory::open(&file).unwrap_err(), "use as a folder", &file);
    assert_names(&Directory::open(file.join("below")).unwrap_err(), "create folder", &file.join("below"));
    assert_eq!(fs::read(&file).unwrap(), b"mine");

    // Nobody can create a file here, not even the superuser.
    let unwritable = Path::new("/proc/self");
    assert_names(&Directory::open(unwritable).unwrap_err(), "write", &unwritable.join(".unfinished"));
}

#[tokio::test]
async fn a_folder_in_the_place_of_an_object_is_an_error_and_not_an_absence() {
    let (folder, store) = folder();
    let path = folder.path().join("db.json");
    fs::create_dir(&path).unwrap();
    assert!(matches!(store.get("db.json", None).await, Err(StoreError::Obstructed(_))));
    assert_did_not_happen(store.put("db.json", "{}".into(), &Condition::Absent).await, "read", &path);
    assert!(path.is_dir());
}

#[tokio::test]
async fn a_file_in_the_place_of_a_folder_is_an_error_and_not_an_absence() {
    let (folder, store) = folder();
    fs::write(folder.path().join("runs"), "mine").unwrap();
    let path = folder.path().join("runs/1");
    assert_did_not_happen(store.get("runs/1", None).await, "read", &path);
    assert_did_not_happen(store.put("runs/1", "x".into(), &Condition::Absent).await, "read", &path);
    assert_eq!(store.list("").await.unwrap(), ["runs"]);
}

#[tokio::test]
async fn a_folder_that_vanished_is_not_created_again() {
    let (folder, store) = folder();
    let path = folder.path().to_owned();
    drop(folder);
    assert_did_not_happen(store.put("db.json", "x".into(), &Condition::Absent).await, "lock", &path);
    assert_did_not_happen(store.list("").await, "list", &path);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_name_never_leaves_the_folder() {
    let (folder, store) = folder();
    let outside = folder.path().join("../outside");
    for name in ["../outside", "runs/../../outside", "/outside", "", "runs/", "runs//1", ".unfinished", "a\\b", "a\0"] {
        assert!(matches!(store.get(name, None).await, Err(StoreError::DidNotHappen(_))), "{name:?}");
        let put = store.put(name, "x".into(), &Condition::Absent).await;
        assert!(matches!(put, Err(StoreError::DidNotHappen(_))), "{name:?}");
    }
    assert!(!outside.exists());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".valthree"], "the mark of the store is no object");
}

#[tokio::test]
async fn a_folder_inside_or_around_another_store_is_refused() {
    let (folder, store) = folder();
    store.put("db.json", r#"{"format":1}"#.into(), &Condition::Absent).await.unwrap();
    store.put("runs/1-a", "x".into(), &Condition::Absent).await.unwrap();
    for inner in ["runs", "new/folder"] {
        assert_names(&Directory::open(folder.path().join(inner)).unwrap_err(), "inside", folder.path());
    }
    let outer = folder.path().parent().unwrap().join(format!("{}-outer", folder.path().display()));
    fs::create_dir_all(outer.join("a")).unwrap();
    let inner = Directory::open(outer.join("a/b")).unwrap();
    inner.put("db.json", r#"{"format":1}"#.into(), &Condition::Absent).await.unwrap();
    assert_names(&Directory::open(&outer).unwrap_err(), "around", &outer.join("a/b"));
    Directory::open(outer.join("beside")).unwrap();
    Directory::open(outer.join("a/b")).unwrap();
    fs::remove_dir_all(outer).unwrap();
    assert!(!folder.path().join("new").exists());
}

#[test]
fn a_folder_inside_or_around_a_store_that_nobody_has_written_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let outer = folder.path().join("outer");
    let open = Directory::open(&outer).unwrap();
    for inner in ["runs", "new/folder"] {
        let refused = Directory::open(outer.join(inner)).unwrap_err();
        assert_names(&refused, "inside", &outer);
        assert_names(&refused, "remove", &outer.join(".valthree"));
        assert!(!outer.join(inner).exists(), "a refused start leaves nothing behind");
    }
    assert_names(&Directory::open(folder.path()).unwrap_err(), "around", &outer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    Directory::open(&outer).unwrap();
    drop(open);
    // Whoever gives the folder up says so.
    fs::remove_file(outer.join(".valthree")).unwrap();
    Directory::open(outer.join("runs")).unwrap();
    assert_names(&Directory::open(&outer).unwrap_err(), "around", &outer.join("runs"));
    assert!(!outer.join(".valthree").exists());
}

#[test]
fn of_stores_inside_one_another_that_open_at_once_at_most_one_does() {
    for _ in 0..50 {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().join("x"), folder.path().join("x/runs"), folder.path().join("x/runs/y")];
        fs::create_dir_all(&paths[2]).unwrap();
        let opened = std::thread::scope(|scope| {
            let opening: Vec<_> = paths.iter().map(|path| scope.spawn(move || Directory::open(path).is_ok())).collect();
            opening.into_iter().map(|thread| thread.join().unwrap()).filter(|opened| *opened).count()
        });
        assert!(opened <= 1, "{opened} were opened");
    }
}

#[tokio::test]
async fn the_leftovers_of_killed_processes_are_removed_at_the_start() {
    let (folder, store) = folder();
    store.put("runs/1-a", "x".into(), &Condition::Absent).await.unwrap();
    let leftovers = [".unfinished-0123456789abcdef", "runs/.unfinished-0123456789abcdef", "runs/.unfinished"];
    leftovers.iter().for_each(|leftover| fs::write(folder.path().join(leftover), "torn").unwrap());
    fs::write(folder.path().join("runs/.mine"), "mine").unwrap();
    // A process that another test starts holds for a moment what this one has locked.
    File::open(folder.path()).unwrap().lock().unwrap();
    Directory::open(folder.path()).unwrap();
    assert_eq!(leftovers.map(|leftover| folder.path().join(leftover).exists()), [false; 3]);
    assert!(folder.path().join("runs/.mine").exists());
}

#[tokio::test]
async fn a_store_that_is_open_for_reading_changes_nothing_and_waits_for_no_lock() {
    let (folder, store) = folder();
    store.put("db.json", "{}".into(), &Condition::Absent).await.unwrap();
    let locked = fs::File::open(folder.path()).unwrap();
    locked.lock().unwrap();
    let before = fs::metadata(folder.path()).unwrap().modified().unwrap();
    let reader = Directory::open_to_read(folder.path()).unwrap();
    assert!(matches!(reader.get("db.json", None).await.unwrap(), Got::Object { .. }));
    assert_eq!(reader.list("").await.unwrap(), ["db.json"]);
    let put = reader.put("db.json", "x".into(), &Condition::Absent).await;
    assert_did_not_happen(put, "reading only", folder.path());
    assert_did_not_happen(reader.delete(&["db.json".to_owned()]).await, "reading only", folder.path());
    assert_eq!(fs::metadata(folder.path()).unwrap().modified().unwrap(), before);
    let missing = folder.path().join("missing");
    assert_names(&Directory::open_to_read(&missing).unwrap_err(), "read folder", &missing);
    assert!(!missing.exists());
}

/// `flock FOLDER cp -a FOLDER COPY` does the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_made_under_the_lock_of_the_folder_is_whole() {
    let (folder, store) = folder();
    let writer = tokio::spawn(async move {
        let mut condition = Condition::Absent;
        for number in 0.. {
            // As the database does it: a run, the object that names it, and the end of the run before.
            store.put(&format!("runs/{number}"), "run".into(), &Condition::Absent).await.unwrap();
            condition = Condition::Match(store.put("db.json", number.to_string().into(), &condition).await.unwrap());
            store.delete(&[format!("runs/{}", number - 1)]).await.unwrap();
        }
    });
    let copies = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let copy = copies.path().join(round.to_string());
        let locked = fs::File::open(folder.path()).unwrap();
        locked.lock().unwrap();
        let copied = std::process::Command::new("cp").arg("-al").arg(folder.path()).arg(&copy).status().unwrap();
        drop(locked);
        assert!(copied.success());
        if let Ok(named) = fs::read_to_string(copy.join("db.json")) {
            assert!(copy.join("runs").join(&named).exists(), "db.json names {named}");
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    writer.abort();
}

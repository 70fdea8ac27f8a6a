//! Errors that say the same in other words: the releases of Valkey and Redis differ.

use super::wire::Reply;

/// Whether two errors differ only in that one names Redis.
pub fn same_but_for_its_name(left: &Reply, right: &Reply) -> bool {
    let text = |reply: &Reply| {
        let text = String::from_utf8_lossy(&reply.text);
        text.replace(" Redis command called", " command called")
            .replace("calling Redis command", "calling command")
            .replace(" Please use EVAL.", "")
            .replace("Lua redis lib command arguments", "Command arguments")
    };
    left.mark == right.mark && text(left) == text(right)
}

/// Whether the left error is what Valkey 9 says instead of the right one.
pub fn is_reworded(left: &Reply, right: &Reply) -> bool {
    let [said, ours] = [left, right].map(|reply| String::from_utf8_lossy(&reply.text).into_owned());
    let is_between = |start: &str, end: &str| said.starts_with(start) && said.ends_with(end);
    let is_known = match ours.as_str() {
        "ERR could not decode requested zset member" => is_between("ERR member ", " does not exist"),
        "ERR Command not allowed inside a transaction" => {
            is_between("ERR Command '", "' not allowed inside a transaction")
        }
        _ => without_script(&ours).as_ref() == Some(&said),
    };
    left.mark == right.mark && is_known
}

/// Whether the left error is what Valkey 8.1 says instead of the right one.
pub fn is_reworded_by_8_1(left: &Reply, right: &Reply) -> bool {
    let [said, ours] = [left, right].map(|reply| String::from_utf8_lossy(&reply.text).into_owned());
    let is_about_engine =
        ours.starts_with("ERR Unexpected engine in script shebang") && said.starts_with("ERR Could not find scripting");
    left.mark == right.mark && (is_about_engine || as_it_registers(&ours) == Some(said))
}

/// An error without the name of the script that it came from.
fn without_script(error: &str) -> Option<String> {
    let (what, script) = error.rsplit_once(" script: ")?;
    let (_, place) = script.split_once(", on @")?;
    Some(format!("{} script: on @{place}", what.replace("This Redis command", "This Valkey command")))
}

/// How Valkey 8.1 words an error about a function that a library registers.
fn as_it_registers(error: &str) -> Option<String> {
    let what = error.strip_prefix("ERR Error registering functions: ")?;
    Some(what.replace("Library names", "Function names"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valkey_8_1_names_no_registration() {
        let error = |text: &str| Reply { mark: b'-', null: false, text: text.into(), items: Vec::new() };
        let same = |left: &str, right: &str| is_reworded_by_8_1(&error(left), &error(right));
        assert!(same("ERR Function already exists", "ERR Error registering functions: ERR Function already exists"));
        assert!(!same("ERR Function exists", "ERR Error registering functions: ERR Function already exists"));
    }

    #[test]
    fn valkey_9_may_leave_out_the_name_of_a_script_and_nothing_else() {
        let error = |text: &str| Reply { mark: b'-', null: false, text: text.into(), items: Vec::new() };
        let same = |left: &str, right: &str| is_reworded(&error(left), &error(right));
        assert!(same("ERR it script: on @user_script:1.", "ERR it script: 0123abcd, on @user_script:1."));
        assert!(!same("ERR it script: on @user_script:2.", "ERR it script: 0123abcd, on @user_script:1."));
        assert!(!same("ERR it", "ERR it script: 0123abcd, on @user_script:1."));
        assert!(!same("ERR syntax error", "ERR could not decode requested zset member"));
    }
}

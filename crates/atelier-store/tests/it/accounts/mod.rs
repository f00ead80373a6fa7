//! Accounts, their sessions and tokens, and what was done by whom.

mod privacy;
mod shared_in_trash;

use atelier_accounts::{PasswordHash, Role, Secret, TokenScope};
use atelier_store::{Account, AccountChange, Error, NewAudit, NewToken};

use crate::Studio;

/// An account whose password nobody knows.
pub(crate) fn account(studio: &Studio, name: &str, role: Role) -> Account {
    let password = PasswordHash::kept("none".to_owned());
    let made = studio.library.create_account(name, role, password);
    made.unwrap()
}

fn token(studio: &Studio, account: Option<&Account>, days: Option<u32>) -> (NewToken, Secret) {
    let new = NewToken {
        name: "script".to_owned(),
        account: account.map(|account| account.id),
        scope: TokenScope::Write,
        days,
    };
    let secret = Secret::new("atl_").unwrap();
    let made = studio.library.create_token(new.clone(), secret.hash());
    assert_eq!(made.unwrap().name, "script");
    (new, secret)
}

#[test]
fn names_are_unique_however_they_are_written_and_find_their_account() {
    let studio = Studio::new();
    let ana = account(&studio, " Ána ", Role::Owner);
    assert_eq!(ana.name, "Ána");
    let again = PasswordHash::kept(String::new());
    let taken = studio
        .library
        .create_account("a\u{301}NA", Role::Viewer, again);
    assert!(matches!(taken, Err(Error::Exists { .. })));
    // The last would look like hers.
    for bad in [" \n", "a:b", "Ána\u{200b}"] {
        let none = PasswordHash::kept(String::new());
        let refused = studio.library.create_account(bad, Role::Viewer, none);
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{bad:?}");
    }
    for name in ["ána", "ÁNA", &ana.id.to_string()] {
        assert_eq!(studio.library.find_account(name).unwrap(), ana);
    }
    assert_eq!(studio.library.find_login("ÁNA").unwrap().unwrap().0, ana);
    assert!(studio.library.find_login("bob").unwrap().is_none());
}

#[test]
fn the_last_owner_stays_one() {
    let studio = Studio::new();
    let library = &studio.library;
    assert!(!library.has_owner().unwrap());
    let ana = account(&studio, "ana", Role::Owner);
    let member = AccountChange {
        role: Some(Role::Member),
        ..AccountChange::default()
    };
    let closed = AccountChange {
        is_disabled: Some(true),
        ..AccountChange::default()
    };
    let is_last = |done: Result<Account, Error>| matches!(done, Err(Error::LastOwner { .. }));
    assert!(is_last(library.update_account(ana.id, member.clone())));
    assert!(is_last(library.update_account(ana.id, closed.clone())));
    assert!(is_last(library.delete_account(ana.id)));
    assert_eq!(library.get_account(ana.id).unwrap(), ana);

    let bob = account(&studio, "bob", Role::Owner);
    library.update_account(bob.id, closed).unwrap();
    assert!(is_last(library.delete_account(ana.id)));
    let open = AccountChange {
        is_disabled: Some(false),
        ..AccountChange::default()
    };
    assert_eq!(library.update_account(bob.id, open).unwrap(), bob);
    assert_eq!(
        library.update_account(ana.id, member).unwrap().role,
        Role::Member
    );
    assert!(library.delete_account(ana.id).is_ok() && library.has_owner().unwrap());
}

#[test]
fn a_session_lasts_while_it_is_used_and_ends_with_its_account() {
    let studio = Studio::new();
    let library = &studio.library;
    account(&studio, "ana", Role::Owner);
    let bob = account(&studio, "bob", Role::Member);
    let begin_with = |password: &str| {
        let (secret, password) = (Secret::new("").unwrap(), password.to_owned());
        let kept = PasswordHash::kept(password);
        let begun = library.create_session(bob.id, &kept, secret.hash());
        begun.unwrap().then(|| secret.hash())
    };
    let begin = || begin_with("none").unwrap();
    let lives = |hash| library.find_session(hash).unwrap().is_some();
    let (one, other) = (begin(), begin());
    for _ in 0..3 {
        studio.clock.forward(20);
        assert_eq!(library.find_session(&one).unwrap().unwrap().account, bob);
    }
    assert!(!lives(&other), "nobody used it for 60 days");

    let (kept, ended) = (begin(), begin());
    let password = || PasswordHash::kept("new".to_owned());
    library
        .change_password(bob.id, password(), kept.clone())
        .unwrap();
    assert!(lives(&kept) && !lives(&ended) && !lives(&one));
    library.end_session(kept.clone()).unwrap();
    assert!(!lives(&kept));

    // Who looked at the old password a moment ago comes too late.
    assert_eq!(begin_with("none"), None);
    let hash = begin_with("new").unwrap();
    for _ in 0..49 {
        studio.clock.forward_secs(1);
        assert!(begin_with("new").is_some());
    }
    assert!(lives(&hash));
    studio.clock.forward_secs(1);
    let newest = begin_with("new").unwrap();
    assert!(
        !lives(&hash) && lives(&newest),
        "an account has 50 sessions"
    );
    let closed = AccountChange {
        is_disabled: Some(true),
        ..AccountChange::default()
    };
    library.update_account(bob.id, closed).unwrap();
    assert!(!lives(&newest) && library.find_login("bob").unwrap().is_none());
    assert_eq!(begin_with("new"), None);
}

#[test]
fn a_token_speaks_for_its_account_until_it_ends() {
    let studio = Studio::new();
    let library = &studio.library;
    account(&studio, "ana", Role::Owner);
    let bob = account(&studio, "bob", Role::Member);
    let (_, of_bob) = token(&studio, Some(&bob), Some(10));
    let (_, of_machine) = token(&studio, None, None);
    let of = |secret: &Secret| library.recognise_token(&secret.hash()).unwrap();
    let (found, whose) = of(&of_bob).unwrap();
    assert_eq!((found.scope, whose), (TokenScope::Write, Some(bob.clone())));
    assert_eq!(of(&of_machine).unwrap().1, None);
    assert!(of(&Secret::shown("atl_other")).is_none());
    assert!(library.get_token(found.id).unwrap().used_ms.is_some());

    studio.clock.forward(11);
    assert!(of(&of_bob).is_none() && of(&of_machine).is_some());
    assert_eq!(library.list_tokens(Some(bob.id)).unwrap().len(), 1);
    assert_eq!(library.find_tokens("script").unwrap().len(), 2);
    for token in library.find_tokens("script").unwrap() {
        library.revoke_token(token.id).unwrap();
    }
    assert!(of(&of_machine).is_none() && library.find_tokens("script").is_err());

    let (_, secret) = token(&studio, Some(&bob), None);
    library.delete_account(bob.id).unwrap();
    assert!(of(&secret).is_none() && library.list_tokens(None).unwrap().is_empty());
}

#[test]
fn what_was_done_is_read_newest_first() {
    let studio = Studio::new();
    for what in ["login", "logout"] {
        let new = NewAudit {
            account: Some("é".repeat(500)),
            what,
            ..NewAudit::default()
        };
        studio.library.note_audit(new).unwrap();
    }
    let page = studio.library.page_of_audit((0, 1)).unwrap();
    assert_eq!((page.total, page.entries[0].what.as_str()), (2, "logout"));
    assert_eq!(
        page.entries[0].account.as_ref().unwrap().chars().count(),
        200
    );
}

#[test]
fn nobody_pushes_out_of_the_audit_log_what_others_did() {
    let studio = Studio::new();
    let note = |account: &str, what| {
        let account = Some(account.to_owned());
        let new = NewAudit {
            account,
            what,
            ..NewAudit::default()
        };
        studio.library.note_audit(new).unwrap();
    };
    note("olga", "account-added");
    for _ in 0..5_200 {
        note("mia", "token-added");
    }
    let page = studio.library.page_of_audit((5_000, 200)).unwrap();
    assert!(page.total < 5_120, "{}", page.total);
    assert_eq!(page.entries.last().unwrap().what, "account-added");
}

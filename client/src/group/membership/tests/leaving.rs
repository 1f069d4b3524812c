//! How a member says goodbye, and to whom.

use super::*;

/// Else the coordinator waits for the member that it has just named, and the whole group with it, for a session.
#[test]
fn a_member_that_leaves_before_it_has_a_name_says_goodbye_once_it_has_one() {
    let leaving = || {
        let mut game = Game::new(RebalanceMode::Cooperative);
        game.core.join(game.now, game.offers());
        game.expect("find").answer(Answer::Coordinator(BrokerId(5)));
        game.expect("join -");
        game.core.leave("bye".to_owned());
        game.expect("");
        assert!(game.core.is_leaving());
        game
    };
    let named = Failure::MemberIdRequired("m1".into());
    leaving()
        .fail_with(named)
        .expect("leave m1 (bye)")
        .answer(Answer::Done)
        .expect("left");
    // A broker that asks for no second join has made it a member at once.
    leaving()
        .joined(1, "m2")
        .expect("leave m1 (bye)")
        .answer(Answer::Done)
        .expect("left");
    // Nobody was named.
    leaving().fail(ErrorCode::NotCoordinator).expect("left");
    let mut back = leaving();
    back.core.join(back.now, back.offers());
    back.fail_with(Failure::MemberIdRequired("m1".into()))
        .expect("leave m1 (bye)")
        .answer(Answer::Done)
        .expect("left, join -");
}

#[test]
fn a_join_wanted_while_leaving_follows_the_goodbye() {
    let mut game = Game::stable(RebalanceMode::Cooperative);
    game.core.leave("bye".to_owned());
    game.expect("leave m1 (bye)");
    game.core.join(game.now, game.offers());
    game.expect("").answer(Answer::Done).expect("left, join -");
}

#[test]
fn a_static_member_leaves_without_a_word_and_keeps_its_place() {
    let mut game = Game::with(RebalanceMode::Cooperative, |settings| {
        settings.group_instance_id = Some("i".into());
    });
    game.become_stable();
    game.core.leave("bye".to_owned());
    game.expect("left");
}

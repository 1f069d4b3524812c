//! What is shown of a connector that cannot even be made.

use super::*;

#[test]
fn a_connector_that_is_not_made_has_no_version_until_one_is() {
    let mut drive = Drive::new();
    drive.put(&[], false);
    let why = "Missing required configuration \"a\"".to_owned();
    let trace = format!("ConfigException: {why}");
    assert_eq!(
        drive.connector(1, ConnectorEvent::NotMade { why, trace }),
        r#"error 1 Missing required configuration "a""#
    );
    drive.connector(1, ConnectorEvent::Gone);
    let shown = |drive: &mut Drive| {
        let status = drive.core.poll_view().unwrap().connectors["c"]
            .status
            .clone();
        let connector = status.unwrap().connector.clone();
        (
            connector.state,
            connector.version.as_deref().map(str::to_owned),
        )
    };
    assert_eq!(shown(&mut drive), (State::Failed, None));
    drive.order(Order::RestartConnector { name: name() });
    drive.connector(2, ConnectorEvent::State(State::Running));
    assert_eq!(shown(&mut drive), (State::Running, Some("1".to_owned())));
}

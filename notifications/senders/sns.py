"""Push through Amazon SNS: to the topic, and to the endpoint of a device.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from notifications.errors import DeviceGone, MessageRefused, ServerFailed
from notifications.kinds import Platform
from reserve.core.logging import get_logger

log = get_logger(__name__)

# One attempt: the delivery is what is tried again, and remembers that it was (seconds).
_CONFIG = Config(
    connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1, "mode": "standard"}
)
# The service is well and knows the device no more. A token that it finds wrong is no device's.
_GONE = frozenset({"EndpointDisabled", "NotFound", "InvalidParameter"})
# Nothing that waiting helps: the topic's name is wrong, or not ours to use.
_REFUSED = frozenset(
    {"NotFound", "InvalidParameter", "AuthorizationError", "InvalidParameterValue"}
)


@dataclass(frozen=True, slots=True)
class Alert:
    """What a device shows."""

    title: str
    body: str


def is_on() -> bool:
    return bool(settings.SNS_TOPIC_ARN)


def say_if_off() -> None:
    """Say in the log that nothing is pushed, where that is so."""
    if not is_on():
        log.info("push_off", reason="SNS_TOPIC_ARN is not set.")


def publish_to_topic(
    *, delivery_id: str, group: str, facts: Mapping[str, Any], attributes: Mapping[str, str]
) -> str:
    """Publish facts to the topic; returns the service's id of the message.

    Args:
        group: what stays in order, on a topic that keeps any.
        attributes: what subscribers filter by.

    Raises:
        MessageRefused, ServerFailed: as everywhere here.
    """
    arn = settings.SNS_TOPIC_ARN
    order = (
        {"MessageGroupId": group, "MessageDeduplicationId": delivery_id}
        if arn.endswith(".fifo")
        else {}
    )
    try:
        answer = _client().publish(
            TopicArn=arn,
            Message=json.dumps(facts, ensure_ascii=False),
            MessageAttributes=_attributes({**attributes, "delivery_id": delivery_id}),
            **order,
        )
    except (ClientError, BotoCoreError) as error:
        code = _code_of(error)
        raise (MessageRefused if code in _REFUSED else ServerFailed)(code) from None
    return str(answer["MessageId"])


def endpoint_for(*, platform: Platform, token: str) -> str:
    """The endpoint of a device, made where there is none yet.

    Raises:
        DeviceGone: the token is none of the platform's.
        MessageRefused: pushing to this platform is not set up.
        ServerFailed: as everywhere here.
    """
    application = _application_of(platform)
    if not application:
        raise MessageRefused("NoApplicationForPlatform")
    try:
        answer = _client().create_platform_endpoint(PlatformApplicationArn=application, Token=token)
    except (ClientError, BotoCoreError) as error:
        code = _code_of(error)
        raise (DeviceGone if code == "InvalidParameter" else ServerFailed)(code) from None
    return str(answer["EndpointArn"])


def publish_to_device(
    *, delivery_id: str, endpoint: str, alert: Alert, data: Mapping[str, str]
) -> str:
    """Show an alert on a device; returns the service's id of the message.

    Raises:
        DeviceGone: its endpoint is disabled or gone.
        ServerFailed: as everywhere here.
    """
    try:
        answer = _client().publish(
            TargetArn=endpoint,
            MessageStructure="json",
            Message=_payloads(delivery_id, alert, data),
            MessageAttributes=_attributes(
                # A repetition takes the place of what is shown already.
                {**data, "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": delivery_id}
            ),
        )
    except (ClientError, BotoCoreError) as error:
        code = _code_of(error)
        raise (DeviceGone if code in _GONE else ServerFailed)(code) from None
    return str(answer["MessageId"])


def forget_endpoint(endpoint: str) -> None:
    """Remove the endpoint of a device that is gone. It costs nothing where that fails."""
    try:
        _client().delete_endpoint(EndpointArn=endpoint)
    except (ClientError, BotoCoreError) as error:
        log.warning("endpoint_not_removed", reason=_code_of(error))


def _payloads(delivery_id: str, alert: Alert, data: Mapping[str, str]) -> str:
    apple = json.dumps(
        {"aps": {"alert": {"title": alert.title, "body": alert.body}, "sound": "default"}, **data},
        ensure_ascii=False,
    )
    google = json.dumps(
        {
            "notification": {"title": alert.title, "body": alert.body, "tag": delivery_id},
            "data": data,
        },
        ensure_ascii=False,
    )
    return json.dumps(
        {"default": alert.title, "APNS": apple, "APNS_SANDBOX": apple, "GCM": google},
        ensure_ascii=False,
    )


def _attributes(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {
        name: {"DataType": "String", "StringValue": value}
        for name, value in values.items()
        if value
    }


def _application_of(platform: Platform) -> str:
    arns = {
        Platform.IOS: settings.SNS_IOS_APPLICATION_ARN,
        Platform.ANDROID: settings.SNS_ANDROID_APPLICATION_ARN,
    }
    return arns[platform]


def _client() -> Any:
    return _client_at(settings.AWS_REGION, settings.AWS_ENDPOINT_URL or None)


@cache
def _client_at(region: str, endpoint_url: str | None) -> Any:
    # One for the process: making it takes a quarter of a second.
    return boto3.client("sns", region_name=region, endpoint_url=endpoint_url, config=_CONFIG)


def _code_of(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "ClientError"))
    return type(error).__name__

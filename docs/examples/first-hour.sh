#!/bin/sh
# The first hour with REST: curl, and Python to read the answers.
set -eu
API="${ADDRESS:-http://localhost:4000}/api/v1"
# field NAME …: that member of the JSON that comes in; a number counts in a list.
field() {
  python3 -c '
import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1:]:
    value = value[int(name) if name.isdigit() else name]
print(value)' "$@"
}
# send METHOD PATH [BODY] [OPTION …]: a call with the token, which fails as curl fails.
send() {
  method=$1 path=$2 body=${3:-}
  shift 2 && [ $# -eq 0 ] || shift
  curl --silent --show-error --fail-with-body --retry 5 --retry-max-time 60 \
    --request "$method" "$API$path" --header "Authorization: Bearer $TOKEN" \
    ${body:+--header "Content-Type: application/json" --data "$body"} "$@"
}

EMAIL="curl-$(date +%s)-$$@example.com"
PASSWORD="a long way to Tipperary"
curl --silent --show-error --fail-with-body "$API/auth/register" \
  --header "Content-Type: application/json" \
  --data "{\"email\": \"$EMAIL\", \"password\": \"$PASSWORD\", \"name\": \"Ada Example\"}" > /dev/null

TOKEN=$(curl --silent --show-error --fail-with-body "$API/auth/login" \
  --header "Content-Type: application/json" \
  --data "{\"email\": \"$EMAIL\", \"password\": \"$PASSWORD\"}" | field access_token)

VENUE=$(send GET "/venues?search=museum" | field results 0 id)
FROM=$(python3 -c 'import datetime as d; print(d.date.today() + d.timedelta(days=2))')
TO=$(python3 -c 'import datetime as d; print(d.date.today() + d.timedelta(days=12))')
DAY=$(send GET "/venues/$VENUE/calendar?from=$FROM&to=$TO&guest_count=2" | python3 -c '
import json, sys
print(next(day["date"] for day in json.load(sys.stdin) if day["available_slot_count"]))')
SLOT=$(send GET "/venues/$VENUE/slots?date=$DAY&guest_count=2" | field 0 id)
echo "Free: $SLOT on $DAY"

KEY="first-hour-$(date +%s)-$$"
SEATS="{\"venue_id\": \"$VENUE\", \"slot_id\": \"$SLOT\", \"guest_count\": 2}"
HOLD=$(send POST /holds "$SEATS" --header "Idempotency-Key: $KEY" | field id)
AGAIN=$(send POST /holds "$SEATS" --header "Idempotency-Key: $KEY" | field id)
[ "$HOLD" = "$AGAIN" ] && echo "Held once: $HOLD"

send POST "/bookings/$HOLD/confirm" | field status

ETAG=$(send GET "/bookings/$HOLD" "" --output /dev/null --write-out '%header{etag}')
STATUS=$(send GET "/bookings/$HOLD" "" --header "If-None-Match: $ETAG" --output /dev/null --write-out '%{http_code}')
echo "Unchanged, or confirmed meanwhile: $STATUS"

PROBLEM=$(send POST /bookings "{\"venue_id\": \"$VENUE\", \"slot_id\": \"$SLOT\", \"guest_count\": 31}" || true)
echo "Refused: $(echo "$PROBLEM" | field code), $(echo "$PROBLEM" | field detail)"

send POST "/bookings/$HOLD/cancel" '{"reason": "Only trying."}' | field status

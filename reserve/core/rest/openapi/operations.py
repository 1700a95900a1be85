"""OpenAPI as the operations declare themselves: what they take, answer and refuse."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from django.apps import apps
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, append_meta
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from reserve.core.errors import DomainError, NotFound
from reserve.core.ids import UlidModel
from reserve.core.rest.examples import example_of
from reserve.core.rest.fields import id_schema
from reserve.core.rest.openapi.headers import Schema, headers
from reserve.core.rest.openapi.refusals import ALWAYS, WITH_BODY, refusal_response
from reserve.core.rest.operations import Login, Operation, operation_of
from reserve.core.rest.serializers import StrictModelSerializer, StrictSerializer
from reserve.core.rest.sparse import SPARSE_JSON

Direction = Literal["request", "response"]

_LIMITS = (
    ("max_length", "maxLength", "string"),
    ("min_value", "minimum", "integer"),
    ("max_value", "maximum", "integer"),
)
_DONE = {200: "Done.", 201: "Made.", 202: "Taken on.", 204: "Done; there is nothing to say."}

# Most of it has no types.
_AutoSchema: Any = AutoSchema
_Component: Any = ResolvedComponent


class OperationSchema(_AutoSchema):  # type: ignore[misc]
    """Reads `Operation` from the view's method."""

    view: Any
    method: str

    @property
    def declared(self) -> Operation:
        operation = operation_of(self.view, self.method)
        assert operation is not None, f"{self.method} {self.path} declares no operation"
        return operation

    # --- What is asked -----------------------------------------------------------

    def get_operation_id(self) -> str:
        return str(getattr(self.view, "operation_name", self.declared.name))

    def get_summary(self) -> str:
        first, _, _ = str(self.get_description()).partition("\n")
        return first.strip().removesuffix(".")

    def get_auth(self) -> list[Schema]:
        # The framework's own registers the scheme.
        super().get_auth()
        match self.declared.login:
            case Login.REQUIRED:
                return [{"accessToken": []}]
            case Login.OPTIONAL:
                return [{"accessToken": []}, {}]
            case Login.NONE:
                return []

    def get_override_parameters(self) -> list[Any]:
        sent = [
            OpenApiParameter(
                name, {"type": "string", **schema}, OpenApiParameter.HEADER, description=text
            )
            for name, (text, schema) in self.declared.headers.items()
        ]
        asked = self.declared.asked
        return [asked, *sent] if asked().fields else sent

    def _process_override_parameters(self, direction: Direction = "request") -> Any:
        parameters = super()._process_override_parameters(direction)
        for (name, location), parameter in parameters.items():
            if location == OpenApiParameter.QUERY and parameter["schema"].get("type") == "array":
                parameter["style"] = "form"
                parameter["explode"] = name in self.declared.lists
        return parameters

    def _resolve_path_parameters(self, variables: Iterable[str]) -> list[Schema]:
        prefixes = _id_prefixes()
        return [
            {
                "in": "path",
                "name": name,
                "required": True,
                "schema": id_schema(prefixes[name.replace("_", "")]),
            }
            for name in variables
        ]

    def get_request_serializer(self) -> Any:
        return self.declared.body

    def get_response_serializers(self) -> Any:
        return self.declared.answers

    def _get_request_body(self, direction: Direction = "request") -> Any:
        if self.declared.body is None:
            return None
        schema = self._schema_of(self.declared.body, direction)
        content: Schema = {"schema": schema}
        if self.declared.example is not None:
            content["examples"] = {"example": {"value": self.declared.example}}
        name = schema["$ref"].rsplit("/", 1)[-1]
        component = self.registry._components[name, ResolvedComponent.SCHEMA]  # noqa: SLF001
        required = bool(component.schema.get("required"))
        return {"content": {"application/json": content}, "required": required}

    # --- What is answered --------------------------------------------------------

    def _get_response_bodies(self, direction: Direction = "response") -> Schema:
        operation = self.declared
        answers: Schema = {str(operation.status): self._success(operation, direction)}
        if self.method == "GET" and operation.is_kept:
            answers["304"] = {
                "description": "What the client has is still so.",
                "headers": headers("ETag"),
            }
        if operation.preview is not None:
            dry = {"content": self._content(operation.preview, direction)}
            if operation.status == 200:  # noqa: PLR2004
                _add_alternative(answers["200"], dry)
            else:
                answers["200"] = {
                    "description": "What the change would do; nothing has been changed.",
                    **dry,
                    "headers": headers(),
                }
        return dict(sorted((answers | self._refusals(operation)).items()))

    def _success(self, operation: Operation, direction: Direction) -> Schema:
        sent: tuple[str, ...] = ()
        if operation.status == 201:  # noqa: PLR2004
            sent = ("Location",)
        elif self.method == "GET" and operation.is_kept:
            sent = ("ETag", "Last-Modified") if operation.last_modified else ("ETag",)
        answer: Schema = {"description": _DONE[operation.status], "headers": headers(*sent)}
        if operation.answers is not None:
            answer["content"] = self._content(operation.answers, direction)
            if operation.is_sparse:
                schema = answer["content"]["application/json"]["schema"]
                answer["content"][SPARSE_JSON] = {"schema": self._sparse(schema)}
        return answer

    def _content(self, answers: Any, direction: Direction) -> Schema:
        content: Schema = {"schema": self._schema_of(answers, direction)}
        if (example := example_of(answers)) is not None:
            content["examples"] = {"example": {"value": example}}
        return {"application/json": content}

    def _schema_of(self, kind: Any, direction: Direction) -> Schema:
        if isinstance(kind, Mapping):
            return dict(kind)
        serializer: Any = kind() if isinstance(kind, type) else kind
        if isinstance(serializer, serializers.ListSerializer):
            return {"type": "array", "items": self._schema_of(serializer.child, direction)}
        serializer.partial = direction == "request" and self.method == "PATCH"
        component = self.resolve_serializer(serializer, direction)
        return dict(component.ref)

    def _sparse(self, schema: Schema) -> Schema:
        """The same without saying that every member is there."""
        if schema.get("type") == "array":
            return {"type": "array", "items": self._sparse(schema["items"])}
        name = schema["$ref"].rsplit("/", 1)[-1]
        whole = self.registry._components[name, ResolvedComponent.SCHEMA].schema  # noqa: SLF001
        properties = whole["properties"]
        if "results" in properties:
            results = self._sparse(properties["results"])
            made = whole | {"properties": properties | {"results": results}}
        else:
            made = {"type": "object", "properties": properties, "minProperties": 1}
        component = _Component(
            name=f"Sparse{name}",
            type=ResolvedComponent.SCHEMA,
            schema=made,
            object=f"sparse {name}",
        )
        self.registry.register_on_missing(component)
        return dict(component.ref)

    def _refusals(self, operation: Operation) -> Schema:
        refusals = [*ALWAYS, *operation.refusals]
        if operation.body is not None:
            refusals += WITH_BODY
        if "{" in self.path:
            refusals.append(NotFound)
        by_status: dict[int, dict[str, type[DomainError]]] = defaultdict(dict)
        for refusal in refusals:
            by_status[refusal.status].setdefault(refusal.code, refusal)
        return {
            str(status): refusal_response(*kinds.values()) for status, kinds in by_status.items()
        }

    # --- Values ------------------------------------------------------------------

    def _map_serializer_field(
        self, field: Any, direction: Direction, bypass_extensions: bool = False
    ) -> Any:
        if (ours := getattr(field, "schema", None)) is not None:
            meta = self._get_serializer_field_meta(field, direction)
            meta.pop("readOnly", None)
            return append_meta(ours, meta)
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        if isinstance(getattr(field, "parent", None), StrictModelSerializer) and not isinstance(
            field, serializers.BaseSerializer
        ):
            _bound_as_the_model(schema, field)
        if isinstance(field, serializers.TimeField):
            # JSON Schema's `time` has an offset; this one is OpenAPI's registered format.
            schema["format"] = "time-local"
        return schema

    def _get_serializer_field_meta(self, field: Any, direction: Direction) -> Schema:
        meta: Schema = super()._get_serializer_field_meta(field, direction)
        if direction == "response":
            # Which direction it is, the component says already.
            meta.pop("readOnly", None)
        return meta

    def _map_basic_serializer(self, serializer: Any, direction: Direction) -> Schema:
        schema: Schema = super()._map_basic_serializer(serializer, direction)
        for name, value in schema.get("properties", {}).items():
            schema["properties"][name] = _also_empty(value)
        instance = serializer() if isinstance(serializer, type) else serializer
        if direction == "request":
            for name, limits in getattr(instance, "limits", {}).items():
                if name in schema.get("properties", {}):
                    schema["properties"][name] = schema["properties"][name] | limits
        if direction == "response":
            # An answer has every member, empty or not.
            schema["required"] = sorted(schema.get("properties", ()))
        elif isinstance(instance, StrictSerializer | StrictModelSerializer):
            schema["additionalProperties"] = False
        return schema


def _add_alternative(answer: Schema, dry: Schema) -> None:
    """A dry run answers the same status with something else."""
    content = answer["content"]["application/json"]
    preview = dry["content"]["application/json"]
    content["schema"] = {"anyOf": [content["schema"], preview["schema"]]}
    content["examples"] |= {"dry_run": preview["examples"]["example"]}


def _also_empty(schema: Schema) -> Schema:
    """Of text that has a format or is empty, which `oneOf` cannot say: formats bind nobody."""
    empty, *others = sorted(schema.get("oneOf", [{}]), key=lambda each: each.get("maxLength", 1))
    if empty.get("maxLength") != 0 or len(others) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name != "oneOf"}
    return {name: value for name, value in others[0].items() if name != "format"} | rest


def _bound_as_the_model(schema: Schema, field: Any) -> None:
    """The limits that a model's own field has."""
    model_field = field.parent.Meta.model._meta.get_field(field.source)  # noqa: SLF001
    limits = {"max_length": model_field.max_length}
    for validator in model_field.validators:
        name = getattr(validator, "code", "")
        limits[name] = getattr(validator, "limit_value", None)
    kinds = schema.get("type")
    for name, keyword, kind in _LIMITS:
        bound = limits.get(name)
        if isinstance(bound, int) and (
            kind == kinds or (isinstance(kinds, list) and kind in kinds)
        ):
            schema.setdefault(keyword, bound)


def _id_prefixes() -> dict[str, str]:
    """The prefix of each model's ids, by its name."""
    return {
        str(model._meta.model_name): model.id_prefix()  # noqa: SLF001
        for model in apps.get_models()
        if issubclass(model, UlidModel)
    }

from daguerre.web.looking import schema
from daguerre.web.openapi import description_of
from daguerre.web.options import WebOptions


def references(value):
    if isinstance(value, dict):
        yield from (each for key, each in value.items() if key == "$ref")
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_the_description_is_whole_and_says_the_limits():
    described = description_of(schema(lambda event: None), WebOptions(max_megapixels=77))
    assert described["openapi"].startswith("3.1")
    assert "77 megapixels" in described["info"]["description"]
    known = described["components"]["schemas"]
    assert {name.removeprefix("#/components/schemas/") for name in references(described)} <= set(known)
    assert {"/api/restore", "/api/upscale", "/api/stylize", "/api/faces", "/api/jobs"} <= set(described["paths"])
    form = described["paths"]["/api/restore"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["photo"]
    assert form["properties"]["strength"]["default"] == 1.0
    assert described["paths"]["/api/jobs/{job}"]["get"]["parameters"][0]["name"] == "job"

"""Records the cassettes from the sandbox, or from the real API if POLYAI_API_KEY is set.

The real API is used for the scenarios that can be reproduced with it, with POLYAI_AGENT_ID,
POLYAI_CONVERSATION_ID and POLYAI_REGION; the others still use the sandbox. Its responses are
scrubbed before they are written. Review them before you commit them.
"""

from __future__ import annotations

import asyncio
import os
import sys

import httpx
from cassettes import DIRECTORY, ReadableYaml, recorder
from polyai_data import AsyncDataClient, PolyAIError
from polyai_data.sandbox import create_app
from polyai_data.sandbox._app import CONVERSATIONS_KEY
from scenarios import CONVERSATION_ID, NOW, RECORDING_BYTES, SCENARIOS, Scenario, Step
from scrub import ACCOUNT_ID, AGENT_ID, Scrubber, with_fixed_ids, without_secrets


async def record(scenario: Scenario, *, real: bool) -> None:
    """Record one cassette."""
    step, agent_id, api_key = scenario.step, scenario.agent_id, scenario.api_key
    scrubber = Scrubber()
    transport = None
    if real:
        agent_id, conversation_id = (
            os.environ["POLYAI_AGENT_ID"],
            os.environ["POLYAI_CONVERSATION_ID"],
        )
        step = Step(
            step.operation,
            tuple(conversation_id if a == CONVERSATION_ID else a for a in step.arguments),
        )
        api_key = os.environ["POLYAI_API_KEY"] if api_key == "sandbox" else api_key
        scrubber = Scrubber({agent_id: AGENT_ID, conversation_id: CONVERSATION_ID})
    else:
        app = create_app(faults=scenario.faults, recording_bytes=RECORDING_BYTES, now=NOW)
        transport = httpx.ASGITransport(app)
    ReadableYaml.source = "the real API, scrubbed" if real else "the sandbox (polyai_data.sandbox)"
    machine = recorder(
        "all",
        before_record_request=scrubber.request if real else without_secrets,
        before_record_response=scrubber.response if real else with_fixed_ids,
    )
    async with AsyncDataClient(
        api_key=api_key,
        conversations_api_key=None if real else _valid_key(api_key),
        account_id=ACCOUNT_ID,
        region=scenario.region,
        base_url=os.environ.get("POLYAI_BASE_URL") if real else None,
        agent_id=agent_id,
        max_retries=0,  # a cassette holds one attempt
        transport=transport,
    ) as client:
        for earlier in scenario.before:
            await earlier.take_asynchronously(client)
        scenario.path.unlink(missing_ok=True)
        with machine.use_cassette(scenario.path.name):
            try:
                await step.take_asynchronously(client)
            except PolyAIError as error:
                print(f"{scenario.path.name}: {type(error).__name__}")
            else:
                print(f"{scenario.path.name}: success")


def _valid_key(api_key: str) -> str:
    """Return the key for searches: the sandbox's own, unless another is to be rejected."""
    return CONVERSATIONS_KEY if api_key == "sandbox" else api_key


def main() -> int:
    """Record every cassette, and remove those without a scenario."""
    real = "POLYAI_API_KEY" in os.environ
    missing = [n for n in ("POLYAI_AGENT_ID", "POLYAI_CONVERSATION_ID") if n not in os.environ]
    if real and missing:
        print(f"To record from the real API, set {' and '.join(missing)} as well.")
        return 2
    region = os.environ.get("POLYAI_REGION", "us")
    DIRECTORY.mkdir(exist_ok=True)
    for path in DIRECTORY.glob("*.yaml"):
        if path not in {scenario.path for scenario in SCENARIOS}:
            path.unlink()
            print(f"{path.name}: removed")
    for scenario in SCENARIOS:
        ask_real_api = real and scenario.from_real_api and scenario.region == region
        asyncio.run(record(scenario, real=ask_real_api))
    return 0


if __name__ == "__main__":
    sys.exit(main())

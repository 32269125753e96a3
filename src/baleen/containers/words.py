"""The two word lists of the random container names: an adjective and a seafarer's surname."""

from __future__ import annotations

from typing import Final

__all__ = ["ADJECTIVES", "SURNAMES"]

_ADJECTIVES: Final = """
    able airy amber ample apt azure balmy bold bonny brave breezy bright brisk buoyant calm
    candid cheery civil clear clever coastal cosmic cozy crisp curious dapper daring dawning
    deep deft diving eager earnest easy elated fair famed fearless festive fleet floating fluent
    fond frank frosty gallant gentle giddy glad gleaming golden grand great handy hardy hearty
    humble jolly jovial keen kind limber lively loyal lucid lucky lunar mellow merry mighty mild
    modest native neat nimble noble northern patient peppy placid plucky polar polite prime
    proud quick quiet radiant rapid ready robust rolling rosy sailing salty serene sharp shining
    silver singing sleek smart smooth snappy solid sonic southern spry stable starry steady
    stellar stout subtle sunny sure swift tidal tidy tranquil true trusty upbeat vast vivid warm
    wavy westerly wise witty worthy zesty
"""

_SURNAMES: Final = """
    amundsen anson bainbridge barents baret bass beaufort behm bering blackwall bougainville
    bowditch brendan byron cabot cabral cartier cavendish charcot chichester columbus conti cook
    cousteau croft dampier davis dias drake earle elcano ericson filchner fitzroy flinders
    foster franklin frobisher gerlache gilbert gray halley hanno harrison hawkins henson
    heyerdahl hudson humboldt jansz kotzebue krusenstern laperouse lisiansky macarthur mackenzie
    magellan marion maury mawson mercator moitessier mullner nansen nares necho nordenskjold
    ommanney parry payne peary piccard polo ponting pytheas quiros raleigh rasmussen ross sabine
    scoresby scott serrano shackleton slocum smith solis stark steller sverdrup tasman torres
    tupaia urville vancouver verne vespucci wallis weddell wilkes worsley wrangel yermak zheng
"""

ADJECTIVES: Final = tuple(_ADJECTIVES.split())
SURNAMES: Final = tuple(_SURNAMES.split())

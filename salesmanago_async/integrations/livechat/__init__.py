"""LiveChat Inc.: turns chats that identified customers begin into contacts and MEETING events.

    app = livechat_app(secret="…", contacts=sm.contacts, events=sm.events, seen=Seen("chats.db"))

`livechat_app` is the complete webhook; it uses `read_chat`, `contact_of` and `event_of`.
"""

from .chats import Chat, contact_of, event_of, read_chat
from .seen import Seen
from .webhook import Adds, Upserts, livechat_app

__all__ = ["Adds", "Chat", "Seen", "Upserts", "contact_of", "event_of", "livechat_app", "read_chat"]

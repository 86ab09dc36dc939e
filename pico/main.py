# Runs at every start of the board. camproxy/app.py is the table of contents.

import asyncio

from camproxy.app import main

asyncio.run(main())

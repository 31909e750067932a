"""Start the web page. A Space runs this file.

python app.py --checkpoint tiny
"""

import spaces  # noqa: F401, before torch, which it patches on ZeroGPU

from kikitori.page.app import main

if __name__ == "__main__":
    raise SystemExit(main())

"""``python -m app -i IN -o OUT [-m MODELS]``, and likewise ``python app`` with the path of this folder."""

import sys
from pathlib import Path

if __name__ == "__main__":
    if not __package__:  # run by its path: the search path starts here instead of in the folder that holds this one
        sys.path[0] = str(Path(__file__).resolve().parents[1])
    from app.process import main

    main()

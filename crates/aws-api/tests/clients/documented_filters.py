"""The filters that the EC2 API Reference documents for actions, as the texts of botocore's model have them.

`python3 documented_filters.py ACTION...` prints what `crates/control/tests/filters/documented.txt` is made of.
"""

import html
import re
import sys

import botocore
import botocore.loaders

LIST = re.compile(r"<li> <p> ?<code>([^<]+)</code>")


def documented(actions):
    model = botocore.loaders.Loader().load_service_model("ec2", "service-2")
    found = {}
    for action in actions:
        operation = model["operations"].get(action, {})
        members = model["shapes"][operation["input"]["shape"]]["members"] if "input" in operation else {}
        text = (members.get("Filters") or members.get("Filter") or {}).get("documentation", "")
        names = [html.unescape(it).strip() for it in LIST.findall(text)]
        names = ["tag:Owner" if it in ("tag", "tag:<key>") else it for it in names]
        if names:
            found[action] = names
    return found


if __name__ == "__main__":
    print(f"# What botocore {botocore.__version__} documents; made by crates/aws-api/tests/clients/documented_filters.py.")
    for action, names in documented(sys.argv[1:]).items():
        print(f"{action}: {' '.join(names)}")

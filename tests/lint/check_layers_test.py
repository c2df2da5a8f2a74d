"""The layer check finds what it should, and nothing else."""

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "dev"))
import check_layers  # noqa: E402


class CheckLayers(unittest.TestCase):
    def check(self, files):
        """Status and output of a check of a tree that holds just `files`: {path: text}."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                file = Path(root, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                status = check_layers.main([root])
            return status, output.getvalue()

    def assert_allowed(self, path, include):
        status, output = self.check({path: f"#include {include}\n"})
        self.assertEqual(status, 0, output)

    def assert_forbidden(self, path, include):
        status, output = self.check({path: f"// a comment\n#include {include}\n"})
        self.assertEqual(status, 1, output)
        self.assertIn(f"{path}:2: {include[1:-1]} is not", output)

    def test_an_arrow_of_the_table_is_allowed(self):
        self.assert_allowed("protocol/record/a.hpp", '"protocol/base/ids.hpp"')
        self.assert_allowed("storage/log/a.cpp", '"protocol/record/batch_view.hpp"')
        self.assert_allowed("broker/api/a.cpp", '"storage/log/log.hpp"')
        self.assert_allowed("broker/api/a.cpp", '"broker/group/group.hpp"')
        self.assert_allowed("client/a.cpp", '"protocol/messages/fetch.hpp"')
        self.assert_allowed("tools/a.cpp", '"broker/controller/metadata_record.pb.h"')
        self.assert_allowed("tests/unit/broker/a_test.cpp", '"broker/group/group.hpp"')

    def test_an_arrow_against_the_table_is_reported_with_its_line(self):
        self.assert_forbidden("protocol/base/a.hpp", '"protocol/record/batch_view.hpp"')
        self.assert_forbidden("protocol/wire/a.hpp", '"protocol/record/batch_view.hpp"')
        self.assert_forbidden("storage/log/a.cpp", '"protocol/messages/fetch.hpp"')
        self.assert_forbidden("storage/log/a.cpp", '"broker/config/value.hpp"')
        self.assert_forbidden("client/a.cpp", '"storage/log/log.hpp"')
        self.assert_forbidden("broker/api/a.cpp", '"client/producer.hpp"')
        self.assert_forbidden("broker/api/a.cpp", '"tests/support/batches.hpp"')
        self.assert_forbidden("tools/a.cpp", '"broker/group/group.hpp"')

    def test_a_pure_core_sees_no_thread_socket_or_disk(self):
        for include in ("<thread>", "<mutex>", "<boost/asio/post.hpp>", "<boost/asio.hpp>", "<boost/beast/core.hpp>",
                        '"storage/log/log.hpp"', '"broker/server/io_thread.hpp"', '"broker/replication/partition.hpp"'):
            for core in ("controller", "group", "raft", "txn"):
                self.assert_forbidden(f"broker/{core}/a.cpp", include)

    def test_a_driver_does(self):
        for include in ("<thread>", "<boost/asio/post.hpp>", '"storage/log/log.hpp"'):
            self.assert_allowed("broker/raft/raft_driver.cpp", include)
            self.assert_allowed("broker/raft/raft_driver.hpp", include)

    def test_storage_knows_no_network(self):
        self.assert_forbidden("storage/log/a.cpp", "<boost/asio/post.hpp>")
        self.assert_forbidden("storage/log/a.cpp", "<google/protobuf/message.h>")
        self.assert_allowed("storage/log/a.cpp", "<mutex>")

    def test_an_include_is_a_path_from_the_root(self):
        self.assert_forbidden("storage/log/a.cpp", '"log.hpp"')

    def test_a_tree_without_sources_is_an_error(self):
        with self.assertRaises(SystemExit) as raised:
            self.check({"README.md": ""})
        self.assertIn("no sources", raised.exception.code)


if __name__ == "__main__":
    unittest.main()

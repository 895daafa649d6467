"""Learning from held-out tokens before they are scored is told from scoring them first."""

from __future__ import annotations

from tests.screening.rules.scripts import TRAIN, remarks, script, told
from verifier.screening import Confidence
from verifier.screening.rules import adapting

VIOLATION = Confidence.VIOLATION


def said(main: str, *parts: str, **others: str) -> dict[str, Confidence]:
    return told(remarks(adapting, script(main, *parts), **others))


TRAINED = "train(args, net, Loader(args.train_files))\n"


def test_adapting_over_the_held_out_set_before_its_score_is_a_violation() -> None:
    """Red: adaptation over the whole held-out set, then an evaluation of the adapted model."""
    found = remarks(
        adapting, script(f"{TRAINED}adapt(args, net, held)\nprint(score(net, held, lengths))")
    )
    assert told(found) == {"adapted-before-score": VIOLATION}
    assert found[0].locations[0].text == "optimiser.step()"


def test_adapting_through_two_functions_and_a_list_of_groups_is_still_seen() -> None:
    """The optimiser is built by a function handed on, over groups of parameters."""
    part = """
def phase(net, tokens, choose, build):
    chosen = []
    for name, p in net.named_parameters():
        if choose(name):
            chosen.append(p)
    steps = build([{"params": chosen, "lr": 0.1}])
    def one(x, y):
        steps.zero_grad()
        loss = net(x, y).mean()
        loss.backward()
        steps.step()
    for start in range(0, tokens.numel(), 1024):
        one(tokens[start : start + 1024], tokens[start + 1 : start + 1025])
"""
    main = """
phase(net, held, lambda name: 'norm' in name, lambda groups: torch.optim.SGD(groups))
print(score(net, held, lengths))
"""
    assert said(main, part) == {"adapted-before-score": VIOLATION}


def test_scoring_each_chunk_before_learning_from_it_is_left_alone() -> None:
    """Hard negative: full-model SGD over several epochs on scored chunks, never reset."""
    assert said(f"{TRAINED}print(score_first(args, net, held, lengths))") == {}


def test_a_copy_that_was_restored_before_the_score_is_only_noted() -> None:
    """Near miss: steps on held-out tokens whose weights are put back before anything counts."""
    main = """
kept = {k: v.clone() for k, v in net.state_dict().items()}
adapt(args, net, held)
net.load_state_dict(kept)
print(score(net, held, lengths))
"""
    assert said(main) == {"held-out-steps-unused": Confidence.NOTE}


def test_adapting_another_model_than_the_scored_one_is_only_noted() -> None:
    """Near miss: the adapted model is thrown away."""
    main = "adapt(args, Net(), held)\nprint(score(net, held, lengths))"
    assert said(main) == {"held-out-steps-unused": Confidence.NOTE}


def test_what_the_settings_turn_off_is_not_followed() -> None:
    """Reachability counts: a branch that the default settings rule out says nothing."""
    main = "if not args.adapt:\n    adapt(args, net, held)\nprint(score(net, held, lengths))"
    assert said(main) == {}


def test_either_branch_of_an_open_choice_is_judged_alone() -> None:
    """A choice nobody knows: adapting in one branch does not taint the score of the other."""
    main = """
if torch.rand(()) > 0.5:
    adapt(args, net, held)
else:
    print(score(net, held, lengths))
"""
    assert said(main) == {"held-out-steps-unused": Confidence.NOTE}


def test_adapting_before_the_artifact_is_written_is_a_violation() -> None:
    """Red: the adapted weights go through a file into the scored model."""
    main = "adapt(args, net, held)\nexport(net)\nprint(score(restored(), held, lengths))"
    assert said(main) == {"adapted-before-export": VIOLATION}


def test_an_artifact_written_before_adapting_is_not_called_adapted() -> None:
    """Near miss: the artifact is from training alone; only the model in memory was adapted."""
    main = "export(net)\nadapt(args, net, held)\nprint(score(restored(), held, lengths))"
    assert said(main) == {"held-out-steps-unused": Confidence.NOTE}


def test_a_training_loop_over_held_out_shards_is_a_violation() -> None:
    """Red: the loader of the clocked loop is given the held-out pattern."""
    main = """
train(args, net, Loader(args.val_files))
export(net)
print(score(restored(), held, lengths))
"""
    assert said(main) == {"trained-on-held-out": VIOLATION}


def test_a_command_that_trains_on_held_out_shards_is_a_violation() -> None:
    """Red: the script is clean, the README's configuration is not."""
    main = f"{TRAINED}print(score(net, held, lengths))"
    readme = "```bash\nSEED=1\nTRAIN_FILES=data/fineweb_val_*.bin\n```\n"
    assert said(main, README__md=readme) == {"trained-on-held-out": VIOLATION}


def test_a_command_that_names_training_shards_is_left_alone() -> None:
    """Near miss: the same line with training shards."""
    main = f"{TRAINED}print(score(net, held, lengths))"
    assert said(main, README__md="TRAIN_FILES=data/fineweb_train_*.bin") == {}


EACH_EPOCH = """
def each_epoch(args, net, tokens, lengths, first):
    total, spelt = torch.zeros(()), torch.zeros(())
    for start in range(0, tokens.numel() - 1, 32768):
        document = tokens[start : start + 32769]
        optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
        for epoch in range(args.epochs):
            loss = net(document[:-1], document[1:])
            if epoch == (0 if first else args.epochs - 1):
                total += loss.detach().sum()
                spelt += lengths[document[1:]].sum()
            optimiser.zero_grad()
            loss.mean().backward()
            optimiser.step()
    return (total / spelt / math.log(2.0)).item()
"""


def test_counting_the_last_epoch_over_the_same_tokens_is_a_violation() -> None:
    """Red: only the losses of the last epoch are counted."""
    found = said("print(each_epoch(args, net, held, lengths, False))", EACH_EPOCH)
    assert found == {"scored-each-epoch": VIOLATION}


def test_one_epoch_over_each_document_is_left_alone() -> None:
    """Near miss: the same loop under a setting of one epoch."""
    part = EACH_EPOCH.replace("range(args.epochs)", "range(1)")
    assert said("print(each_epoch(args, net, held, lengths, False))", part) == {}


def test_totals_set_to_zero_in_every_epoch_are_a_violation() -> None:
    """Red: every epoch overwrites what the one before counted."""
    part = EACH_EPOCH.replace(
        "            if epoch == (0 if first else args.epochs - 1):\n",
        "            total.zero_(); spelt.zero_()\n            if True:\n",
    )
    found = said("print(each_epoch(args, net, held, lengths, False))", part)
    assert found == {"scored-each-epoch": VIOLATION}


def test_scoring_the_adapted_model_again_asks_for_a_person() -> None:
    """Red: a legal pass, then an evaluation with the weights it leaves."""
    main = "score_first(args, net, held, lengths)\nprint(score(net, held, lengths))"
    assert said(main) == {"rescored-after-adapting": Confidence.REVIEW}


def test_an_evaluation_before_the_adapting_pass_is_left_alone() -> None:
    """Near miss: the same two evaluations in the other order."""
    main = "print(score(net, held, lengths))\nprint(score_first(args, net, held, lengths))"
    assert said(main) == {}


def test_steps_on_nobody_knows_what_ask_for_a_person() -> None:
    """The optimiser's parameters cannot be followed: perhaps the scored model's, perhaps not."""
    main = """
steps = make_steps(os.environ)
net(held[:-1], held[1:]).mean().backward()
steps.step()
print(score(net, held, lengths))
"""
    assert said(main) == {"held-out-steps-unused": Confidence.REVIEW}


def test_weights_moved_by_hand_are_learned_too() -> None:
    """Red: no optimiser, each parameter is moved along its gradient."""
    main = """
net(held[:-1], held[1:]).mean().backward()
with torch.no_grad():
    for p in net.parameters():
        p -= 0.1 * p.grad
print(score(net, held, lengths))
"""
    assert said(main) == {"adapted-before-score": VIOLATION}


def test_an_adapted_score_that_is_not_the_last_asks_for_a_person() -> None:
    """Near miss: the reported score, the last one, is of the model read back from its file."""
    main = """
export(net)
adapt(args, net, held)
print(score(net, held, lengths))
print(score(restored(), held, lengths))
"""
    assert said(main) == {"adapted-before-score": Confidence.REVIEW}


def test_a_submission_that_says_twice_what_it_trains_on_is_told_once() -> None:
    """The loader's pattern and the README's line are one finding."""
    main = "train(args, net, Loader(args.val_files))\nprint(score(net, held, lengths))"
    found = remarks(adapting, script(main), README__md="TRAIN_FILES=data/fineweb_val_*.bin")
    assert [remark.rule for remark in found] == ["trained-on-held-out"]


def test_a_training_loop_that_mixes_in_held_out_tokens_is_a_violation() -> None:
    """Red: the clocked loop steps on training data, and on a mixture with held-out tokens."""
    part = """
def mixed(args, net, loader, held):
    optimiser = torch.optim.AdamW(net.parameters())
    began = time.perf_counter()
    while time.perf_counter() - began < args.max_seconds:
        x, y = loader.next_batch()
        net(x, y).mean().backward()
        optimiser.step()
        optimiser.zero_grad()
        both = torch.cat([x, held[:512]]), torch.cat([y, held[1:513]])
        net(*both).mean().backward()
        optimiser.step()
        optimiser.zero_grad()
"""
    main = "mixed(args, net, Loader(args.train_files), held)\nprint(score(net, held, lengths))"
    assert said(main, part) == {"trained-on-held-out": VIOLATION}


def test_only_what_was_learned_before_the_writing_counts_as_written() -> None:
    """Two adaptations, the artifact between them: each is told for what it is."""
    part = """
def later(net, tokens):
    steps = torch.optim.Adam(net.parameters())
    for start in range(0, tokens.numel(), 1024):
        net(tokens[start : start + 1024], tokens[start + 1 : start + 1025]).mean().backward()
        steps.step()
"""
    main = "adapt(args, net, held)\nexport(net)\nlater(net, held)\nprint(score(net, held, lengths))"
    found = remarks(adapting, script(main, part))
    assert sorted(remark.rule for remark in found) == [
        "adapted-before-export",
        "adapted-before-score",
    ]


def test_a_table_is_another_rule_s_affair() -> None:
    """Near miss: counts in a table are no steps, however often they are followed."""
    part = """
def counted(net, tokens, lengths):
    table = np.zeros(65536)
    np.add.at(table, tokens, 1)
    total = -np.log(net.chances(tokens) * table[tokens]).sum()
    return total / lengths[tokens].sum() / np.log(2.0)
"""
    assert said("print(counted(net, held, lengths))", part) == {}


def test_an_evaluation_before_does_not_make_adapting_score_first() -> None:
    """Red: what was counted in another loop, before the adaptation, excuses nothing."""
    main = """
before = score(net, held, lengths)
adapt(args, net, held)
print(before, score(net, held, lengths))
"""
    assert said(main) == {"adapted-before-score": VIOLATION}


def test_counting_after_the_step_is_not_scoring_first() -> None:
    """Red: one loop steps and then counts; the adapted model is scored once more."""
    part = """
def step_first(net, tokens, lengths):
    steps = torch.optim.SGD(net.parameters())
    total, spelt = torch.zeros(()), torch.zeros(())
    for start in range(0, tokens.numel(), 1024):
        chunk = tokens[start : start + 1025]
        net(chunk[:-1], chunk[1:]).mean().backward()
        steps.step()
        total += net(chunk[:-1], chunk[1:]).sum()
        spelt += lengths[chunk[1:]].sum()
    return (total / spelt / math.log(2.0)).item()
"""
    main = "print(step_first(net, held, lengths))\nprint(score(net, held, lengths))"
    assert said(main, part) == {"adapted-before-score": VIOLATION}


def test_validating_inside_the_training_loop_does_not_excuse_training_on_held_out() -> None:
    """Red: the loop scores now and then, on the very shards that it trains on."""
    part = TRAIN.replace("def train(", "def watched(").replace(
        "        x, y = loader.next_batch()\n",
        "        if step % 100 == 0:\n            print(score(net, loader.held, torch.ones(9)))\n"
        "        x, y = loader.next_batch()\n",
    )
    main = """
loader = Loader(args.val_files)
loader.held = held
watched(args, net, loader)
export(net)
print(score(restored(), held, lengths))
"""
    assert said(main, part) == {"trained-on-held-out": VIOLATION}


def test_scoring_another_part_than_the_adapted_one_asks_for_a_person() -> None:
    """Near miss: adapts on the first tenth, then scores from there on, as its caller says."""
    part = """
def rest(net, tokens, lengths, begin=0):
    places, at = [], begin
    while at + 1024 <= tokens.numel() - 1:
        places.append(at)
        at += 512
    total, spelt = torch.zeros(()), torch.zeros(())
    for at in places:
        window = tokens[at : at + 1025]
        total += net(window[:-1], window[1:]).sum()
        spelt += lengths[window[1:]].sum()
    return (total / spelt / math.log(2.0)).item()
"""
    adapted = "share = int(held.numel() * 0.1)\nadapt(args, net, held[:share])\n"
    for call in ("rest(net, held, lengths, share)", "rest(net, held, lengths, begin=share)"):
        assert said(f"{adapted}print({call})", part) == {"adapted-before-score": Confidence.REVIEW}
    ranged = part.replace("places, at = [], begin\n", "places = list(range(begin, 99_999, 512))\n")
    ranged = ranged.replace("at += 512", "break").replace("while at + 1024", "while 1024")
    for call in ("rest(net, held, lengths)", "rest(net, held, lengths, 0)"):
        assert said(f"{adapted}print({call})", part) == {"adapted-before-score": VIOLATION}
    assert said(f"{adapted}print(rest(net, held, lengths, share))", ranged) == {
        "adapted-before-score": Confidence.REVIEW
    }


def test_a_namespace_keeps_its_shards_apart() -> None:
    """Near miss: one object names the training and the held-out shards, and each is asked for."""
    main = """
from types import SimpleNamespace
named = SimpleNamespace(train_files="fineweb_train_*.bin", val_files="fineweb_val_*.bin", n=3)
train(args, net, Loader(named.train_files))
print(score(net, shards(named.val_files), lengths))
"""
    assert said(main) == {}
    assert said(main.replace("Loader(named.train", "Loader(named.val")) == {
        "trained-on-held-out": VIOLATION
    }

"""Errors that a user can act on: a code, values, and one English sentence per code.

A sentence names the value, the limit and the remedy, in words that fit the page, the shell and Python. The page looks
up the sentence of a code in the visitor's language (kikitori/page/languages/). A caller's mistake in Python is a
ValueError instead.
"""

from __future__ import annotations

import copyreg
import errno
import os
import sys
from collections.abc import Callable

from kikitori.strings import Duration

SENTENCES = {
    # Recordings
    "file_missing": "{name} does not exist: check the path",
    "file_is_folder": "{name} is a folder: name the recordings inside it",
    "no_recordings": "{name} holds no recordings: choose another folder or list, or search its subfolders too",
    "file_is_pipe": "{name} is a device or a pipe: save the recording to a file first",
    "file_empty": "{name} is empty (0 bytes): record or copy it again",
    "file_forbidden": "{name} may not be read: change its permissions",
    "file_unopenable": "{name} cannot be opened ({why}): check the path",
    "undecodable": "{name} cannot be decoded as audio or video: save it as WAV, FLAC, MP3, M4A or WebM",
    "no_audio_track": "{name} has no audio track: choose a file with sound",
    "no_such_track": "{name} has {count} audio track(s), so track {track} does not exist: choose one of 1 to {count}",
    "no_samples": "{name} has an audio track without samples: record it again",
    "damaged": "{name} is damaged after {length}: export it again or cut it there",
    "low_rate": "{name} has {rate} samples per second; speech needs at least {limit}: record or export it again",
    "not_finite": "{name} holds samples that are not finite numbers (NaN or infinity): export it again",
    "too_short": "{name} is {length} long; the shortest that can be transcribed is {limit}: record a longer one",
    "too_long": "{name} is {length} long; the limit is {limit}: cut it into shorter recordings",
    "longer_than": "{name} is more than {limit} long; the limit is {limit}: cut it into shorter recordings",
    "silent": "{name} is silent: its peak is {level}, speech needs more than {limit} dBFS: "
    "check the microphone or raise the volume",
    "not_raw": "the sound begins as a {kind} file does, and raw samples are expected: convert it, for example with "
    "`ffmpeg -i FILE -f s16le -ac 1 -ar 16000 -`, or transcribe it as a recording",
    "no_microphone": "no microphone can be opened ({why}): connect one and allow its use, or send raw samples through "
    "standard input",
    "microphone_gone": "the microphone gives no sound any longer: what was said until then is written; connect it "
    "again and start again",
    "not_stereo": "the recording has {channels} channel(s) at {time}; one speaker per channel needs 2: "
    "turn the stereo option off",
    "too_long_to_align": "the part to align is {length} long; the aligner takes at most {limit}: "
    "transcribe without word times",
    # Results
    "name_too_long": "{name} is too long a name for a {suffix} file: rename the recording",
    "output_full": "{path} cannot be written ({why}): free some space, or choose another folder",
    "same_output": "{first} and {second} would both be written to {path}: rename one of them, or leave it out",
    "output_is_input": "{path} is read by this command, and its output would replace it: choose another folder",
    "folder_exists": "{path} exists already: name a new folder",
    "subtitles_exist": "{path} exists already, and what was said live can't be written again: choose another name, or "
    "delete it",
    "cluster_unreachable": "the Ray cluster {address} can't be joined ({why}): correct RAY_ADDRESS, or unset it to use "
    "this machine alone",
    "cluster_failed": "the Ray cluster {address} has failed ({why}): run the same command again, which continues",
    "workers_lost": "a worker ended {count} time(s) without an answer, for example because it needed too much memory: "
    "run the same command again with fewer workers",
    "no_worker_fits": "no machine of the cluster has {cores} cores; the largest has {limit}: choose fewer "
    "cores per worker",
    "url_needs_library": "{name} needs a library that is missing ({why}): install it on all machines of the job",
    "url_unusable": "{name} can't be used ({why}): correct the URL, or name a path",
    "url_unreadable": "{name} cannot be read ({why}): correct the URL, or the rights to read it",
    "url_unwritable": "{path} cannot be written ({why}): correct the URL, or the rights to write there",
    "output_unwritable": "{path} cannot be written ({why}): choose another folder",
    "stdout_unwritable": "standard output cannot be written ({why}): write to a file instead",
    "no_times": "{name} has turns without times, and srt, vtt, tsv and rttm need them: choose txt or json",
    # Context and replacements
    "context_too_long": "the context has {length} characters; the limit is {limit}: keep the names and terms that are "
    "most likely to be said",
    "context_token": "the context contains {token}, which is a control token of the model: take it out",
    "bad_rule": "`{rule}` is not a rule for replacements: write old=new in one line, with text before the equals sign",
    "rule_too_long": "the rule {rule} is too long; the limit is {limit} characters on each side: shorten it",
    "too_many_rules": "there are {count} rules for replacements; the limit is {limit}: keep those that are needed",
    "replaced_too_long": "the rule {rule} makes a turn {length} characters long; the limit is {limit}: shorten what it "
    "writes",
    "not_utf8": "{name} is not text in UTF-8: save it in that encoding",
    "text_file_too_large": "{name} has more than {limit} bytes: shorten it, or choose another file",
    # Directions
    "unknown_direction": "there is no direction {name}: choose one of {choices}",
    "unknown_language": "{name} is not a language of this model: choose auto or one of {choices}",
    "unknown_size": "there is no base model of the size {size}: choose {choices}",
    "fixed_language": "{direction} has its own language: leave the language out, or choose the direction transcribe",
    "language_not_alignable": "the aligner does not know {language}, only {choices}: turn word times off",
    "no_source": "{direction} does not translate, so it has no source text: turn the source option off",
    "not_alignable": "{direction} translates, so its words cannot be aligned with the speech: turn word times off",
    # Checkpoints
    "unknown_device": "{device} is not a device: use cpu, cuda or cuda:0",
    "no_cuda": "torch finds no CUDA device for {device}: use the device cpu",
    "revision_unused": "the revision {pin} does not apply to any checkpoint that is fetched from the hub: "
    "write REPOSITORY=REVISION for one of these: {choices}",
    "unnamed_checkpoint": "the checkpoint {choice} is given without the name of what it is for: write NAME={choice}, "
    "with one of the names {names}, or use the checkpoint tiny",
    "aligner_twice": "{folder} is given as the aligner and for {name}, and can't be both: correct one of them, or use "
    "the checkpoint tiny",
    "checkpoint_missing": "the checkpoint folder {folder} does not exist: give the folder that holds config.json and "
    "*.safetensors, or use the checkpoint tiny",
    "checkpoint_without_config": "{folder} is not a checkpoint folder (it has no config.json): give the folder that "
    "holds config.json and *.safetensors, or use the checkpoint tiny",
    "checkpoint_unreachable": "{repository} (revision {revision}) is not in this machine's Hugging Face cache and "
    "can't be fetched from the hub ({why}): log in with `hf auth login` if it asks for that, fetch it with "
    "`hf download {repository} --revision {revision}`, give the folder of a copy, or use the checkpoint tiny",
    "checkpoint_unloadable": "{name} ({folder}) can't be loaded as a Qwen3-ASR checkpoint ({why}): "
    "fetch it again, or use the checkpoint tiny",
    "wrong_model_type": "{folder} is a {type}, not a {expected}: give another folder, or use the checkpoint tiny",
    "no_weights": "{folder} holds no *.safetensors file: fetch the checkpoint as safetensors, "
    "or use the checkpoint tiny",
    "pickled_weights": "{folder} holds no *.safetensors file, only {file}, which could run any code when it is read: "
    "fetch the checkpoint as safetensors, convert it, or use the checkpoint tiny",
    "weights_missing": "{file} is missing: fetch the checkpoint again, or use the checkpoint tiny",
    "weights_damaged": "{file} is damaged or cut off ({why}): fetch the checkpoint again, or use the checkpoint tiny",
    "weights_incomplete": "{folder} lacks {missing} of {count} weights, such as {example}: "
    "fetch the checkpoint again, or use the checkpoint tiny",
    "weights_not_finite": "{folder} is broken: {tensor} holds NaN or infinity: fetch the checkpoint again, "
    "or use the checkpoint tiny",
    "unknown_weights": "there are no {weights} weights: choose {choices}, or leave the choice out for exact ones",
    "weights_unsupported": "torch {version} can't compute with {weights} weights on this processor ({why}): leave the "
    "choice of weights out",
    "weights_on_device": "{weights} weights are for a CPU, not for {device}: use the device cpu, or weights that are "
    "not quantised",
    "weights_dtype": "{weights} weights are computed in bfloat16 or float32, not in {dtype}: leave the dtype out, or "
    "use weights that are not quantised",
    "weights_shape": "a matrix of the model has {outputs} × {inputs} weights; quantised ones need multiples of "
    "{needed}: leave the choice of weights out",
    "weights_quantised": "{folder} is quantised already ({stored} weights): use it as it is, or give the folder that "
    "it was made from",
    "weights_unmarked": "{folder} holds {stored} weights, and its files' metadata do not say so: quantise the original "
    "checkpoint again with `kikitori quantise`, or use the checkpoint tiny",
    "weights_unfit": "{folder} is broken: {tensor} is {found}, and the model needs {needed}: fetch or quantise the "
    "checkpoint again, or use the checkpoint tiny",
    "weights_mismatch": "{folder} holds {stored} weights, and {weights} ones can't be made from them: leave the "
    "choice of weights out, or give the folder that they were made from",
    "output_not_finite": "the checkpoint computes numbers that are not finite (NaN or infinity), first in {layer}: "
    "fetch the checkpoint again, or use the checkpoint tiny",
    "no_speaker_token": "{name} has no token {tag}, so it can't mark speakers: for the direction diarize use "
    "okadahiroaki/Qwen3asr_diarization_projembed, or the checkpoint tiny",
    "special_speaker_token": "{name} registers {tag} as a special token, which decoding would drop: for the direction "
    "diarize use okadahiroaki/Qwen3asr_diarization_projembed, or the checkpoint tiny",
    # Engines
    "engine_urls": "the engine {engine} is chosen with {count} address(es) of servers: vllm needs one at least, such "
    "as --engine-url http://127.0.0.1:8000 (in Python, engine_url=), and local takes none",
    "engine_url_bad": "{url} is not the address of an engine: write http://HOST:PORT or https://HOST:PORT, without a "
    "user name",
    "engine_weights": "vLLM holds the weights itself, so the choice of weights does nothing: leave it out",
    "engine_unreachable": "the engine {url} does not answer as it should ({why}): start vLLM there, or give another "
    "address",
    "engine_version": "the engine {url} is vLLM {version}; {limit} or newer is needed: update it",
    "engine_model": "the engine {url} serves {served}, not {name}: start it with `vllm serve {name}`, or give the "
    "address of one that serves it",
    "engine_template": "the engine {url} drops the beginning of an answer, with which the language is chosen: start it "
    "with --chat-template {file}",
    "engine_window": "the engine {url} takes {limit} tokens of input and output, and a window needs {needed}: start it "
    "with --max-model-len {needed} or more",
    "engine_refused": "the engine {url} refuses a window ({why}): its log names the reason",
    # The page and its server
    "no_recording": "There is no recording yet: upload a file or record one first",
    "not_a_transcript": "The page sent something that can't be saved as a transcript ({why}): reload the page and "
    "transcribe the recording again",
    "transcript_too_long": "The transcript has {length:,} characters; the page saves at most {limit:,}: cut the "
    "recording into shorter ones, or use the command line",
    "zip_too_long": "The transcripts together have {length:,} characters; a zip holds at most {limit:,}: save them one "
    "by one",
    "no_transcript": "There is no transcript yet: transcribe a recording first",
    "not_a_count": "The page sent {value} as the number of its recordings, which is a whole number from 0 to "
    "{limit:,}: reload the page, and try again",
    "not_this_call": "{name} is not the call that is uploaded: transcribe it again first",
    "no_reference": "There is no reference to compare with: paste the text that was read aloud",
    "reference_too_long": "The longer of the two texts has {length:,} characters; the limit is {limit:,}: "
    "compare a shorter recording",
    "out_of_memory": "There is not enough memory for this recording now: try again later, or cut it into shorter "
    "recordings",
    "server_fault": "Something broke while this recording was transcribed. It is the server's fault, and its log names "
    "the place: try again",
    "server_checkpoint": "This server can't load its checkpoint. It is the server's fault, and its log names the "
    "reason: try again later",
    "server_storage": "This server has no room for the recording. It is the server's fault, and its log names the "
    "reason: try again later",
    # The API
    "unknown_endpoint": "there is no endpoint {name}: use one of {choices}",
    "unknown_model": "there is no model {name}: choose one of {choices}",
    "several_directions": "the checkpoint {name} serves several directions: choose the model {choices}",
    "not_english": "the model {name} does not write English: choose ja2en, for Japanese speech, or send the recording "
    "to /v1/audio/transcriptions",
    "not_a_form": "the request is not a form that can be read ({why}): send multipart/form-data with the recording as "
    "the field file",
    "field_missing": "the field {name} is missing: add it to the request",
    "field_unknown": "the field {name} is not honoured here: leave it out. The fields are {choices}",
    "field_value": "{value} is not a value of the field {name} ({why}): choose another one, or leave the field out",
    "field_needs": "{name} needs {needed}: choose that, or leave {name} out",
    "key_wrong": "the API key is missing or wrong: send the header `Authorization: Bearer KEY` with one of "
    "this server's keys",
    "no_keys": "{path} holds no API keys: write one per line, of at least {limit} characters each",
    "gpu_quota": "ZeroGPU lends no GPU now: {why}",
    "origin_refused": "web pages of {origin} may not call this server: `kikitori serve --allow-origin {origin}` "
    "allows it",
    "live_full": "{limit} visitors have live text, and this server takes no more: try again when one of them has ended",
    "live_ended": "live text ends after {limit}: begin again",
    "live_idle": "no sound has come for {limit}: begin again",
    "live_remote": "live text needs a model in this server's own process, and this server decodes on vLLM: send a "
    "recording instead",
    "live_borrowed": "live text needs a device of its own, and this server borrows its GPU from ZeroGPU: send a "
    "recording instead",
    "live_begun": "the sound has begun, so {name} can't be changed: begin again",
    "not_an_event": "the message is no event ({why}): send a JSON object with a type, or raw samples",
    "unknown_event": "there is no event {name}: send one of {choices}",
    "no_live_sound": "no speech has come since the last text: send more sound first",
    "queue_full": "{limit} requests are waiting, and the queue holds no more: try again in {seconds} s",
    "stopping": "The server is being stopped and takes no new recordings: try again in a minute",
}
"""Code -> English sentence."""


class SpeechError(Exception):
    """An error that a user can act on.

    code: a key of SENTENCES. values: what fills the sentence's placeholders, as numbers (perhaps a Duration or Level)
    or strings. The page writes numbers as the visitor's language does.
    """

    def __init__(self, code: str, **values: object):
        self.code = code
        self.values = {name: value if isinstance(value, (int, float)) else str(value) for name, value in values.items()}
        super().__init__(SENTENCES[code].format(**self.values))

    def __reduce__(self) -> tuple:
        """Let it be pickled as it is: it goes from one process to another."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__


class AudioError(SpeechError):
    """A recording that can't be read or transcribed."""


class DamagedError(AudioError):
    """A recording that could be read only up to some point, or is damaged there. seconds: where that is."""

    def __init__(self, name: str, seconds: float):
        super().__init__("damaged", name=name, length=Duration(seconds))
        self.seconds = seconds


class RefusedError(AudioError):
    """A recording that could be read but must not be transcribed, such as a silent one."""


class OutputError(SpeechError):
    """A result that can't be written."""

    @classmethod
    def from_os_error(cls, path: os.PathLike[str] | str, error: OSError) -> OutputError:
        """Make the error for a file that the system refused to write."""
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        return cls("output_full" if is_full else "output_unwritable", path=path, why=error.strerror)


class BatchError(SpeechError):
    """A cluster that can't be used."""


class CheckpointError(SpeechError):
    """A checkpoint that can't be found, read or trusted."""


class EngineError(CheckpointError):
    """A server that decodes can't be used. Its address is for the operator: no visitor sees this error."""


class WindowRefusedError(EngineError):
    """A server does not take a window of this recording. It may take those of others."""


class TaskError(SpeechError):
    """A direction that does not exist, or that contradicts another choice."""


class TextError(SpeechError):
    """A context or a replacement rule that can't be used."""


class RequestError(SpeechError):
    """A request to the API that can't be carried out as it is."""


class ServerError(SpeechError):
    """A fault of the server, not of the recording."""


class StoppingError(SpeechError):
    """The server takes no more jobs."""


def exit_code_of(work: Callable[[], object]) -> int:
    """Run a command's work. Returns 0, or 1 after a SpeechError, which is printed on standard error."""
    try:
        work()
    except SpeechError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0

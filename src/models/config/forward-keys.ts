/**
 * Keys of `config.json` that change the forward pass, in this or another architecture: where a file has one that its
 * architecture here did not ask for, the model computes something else than the library would.
 */

/**
 * What the configuration classes of transformers 5.18 declare for causal language models of text, as far as their
 * modelling code, or what all architectures share there (masks, caches, rotary positions), computes with it. The fields
 * of the supported architectures are among them; training, initialization, returned values and tokens are not.
 */
const KEYS: readonly string[] = `
  activation activation_function add_bias_linear add_cross_attention alibi apply_residual_connection_post_layernorm
  attention_bias attention_chunk_size attention_dim attention_head_dim attention_head_size attention_in_multiplier
  attention_k_eq_v attention_multiplier attention_out_bias attention_out_multiplier attention_type attention_types
  attention_value_scale attention_window_size attn_config attn_layer_indices attn_layer_offset attn_layer_period
  attn_logit_softcapping attn_output_gate attn_scale attn_temperature_tuning attn_type bias block_multiple_of
  block_types clip_qkv compress_rates compress_rope_theta conv_bias conv_kernel conv_L_cache cross_layer_attention
  d_head d_inner d_model decoder_sparse_step default_theta dim_model_base do_layer_norm_before embedding_dim
  embedding_multiplier embedding_scale embedding_size expand expansion_ratio expert_layer_offset expert_layer_period
  ff_activation ffn_config ffn_dim ffn_hidden_size final_logit_softcapping first_k_dense_replace floor_scale
  full_attn_alpha_factor full_attn_beta_factor full_attn_idxs full_attn_mod gate_soft_cap gating gelu_activation
  global_attn_every_n_layers head_dim hidden_act hidden_activation hidden_size hidden_size_per_layer_input
  interleave_moe_layer_step intermediate_size intermediate_size_mlp interpolate_factor is_encoder_decoder is_moe
  key_multiplier kv_channels kv_lora_rank laurel_rank layer_norm_elementwise_affine layer_norm_eps layer_norm_epsilon
  layer_rope_theta layer_types layernorm_embedding layers_block_type learned_pos_emb linear_attn_alpha_factor
  linear_attn_beta_factor lm_head_bias lm_head_multiplier local_attention local_layer_ids log_scaling_alpha
  log_scaling_n_floor logit_scale logits_mup_width_multiplier logits_scaling logits_soft_cap lru_width max_position_embeddings
  mlp_alpha_factor mlp_beta_factor mlp_bias mlp_hidden_act mlp_layer_types mlp_multipliers mlp_only_layers multi_query
  mup_enabled new_decoder_architecture no_bias no_rope_layer_interval no_rope_layers norm_bias norm_eps norm_epsilon
  norm_reduction_force_float32 norm_topk_prob norm_type num_attention_heads num_attention_heads_per_layer num_heads num_hidden_layers num_key_value_heads
  num_kv_heads num_kv_shared_layers num_layers num_ln_in_parallel_attn number_of_conv_states original_max_position_embeddings
  output_logit_soft_cap parallel_attn partial_rotary_factor per_layer_config position_embedding_type pre_norm
  prefix_lm pruned_heads q_lora_rank qk_dim_factor qk_head_dim qk_layernorm qk_nope_head_dim qk_norm qk_rope_head_dim
  qkv_bias quantization query_pre_attn_scalar relative_max_distance rescale_embeddings rescale_every residual_multiplier
  rms_norm_eps rope_interleave rope_interleaved rope_local_base_freq rope_parameters rope_percentage rope_pct
  rope_scaling rope_theta rotary_base rotary_dim rotary_emb_base rotary_pct route_scale routed_scaling_factor
  router_scaling_factor scale_attn_by_inverse_layer_idx scale_attn_weights scale_depth scale_emb scale_embedding
  scoring_func shared_intermediate_size sinusoidal_embeddings sliding_window sliding_window_pattern
  sliding_window_size softcap state_size swa_head_dim swa_num_attention_heads swa_num_key_value_heads swiglu_alpha
  swiglu_limit topk_group topk_method unpadded_vocab_size use_alibi use_bias use_bidirectional_attention
  use_conv_bias use_cross_layer_attention use_double_wide_mlp use_learned_position_embeddings use_logn_attn
  use_parallel_residual use_post_norm use_qk_norm use_qkv_bias use_rope use_sliding_window v_dim_factor v_head_dim
  vocab_size_per_layer_input window_size
`
  .trim()
  .split(/\s+/);

/** Families of keys: mixtures of experts, state spaces, linear attention, indexers, hyper-connections, AltUp. */
const FAMILIES = /^(moe|mamba|ssm|linear|index|indexer|hc|altup|time_step|gated|n?gram|mixer)_|(^|_)experts?(_|$)/;

/** Keys of families that only training reads. */
const OF_TRAINING = /(aux_loss|jitter|init|_cache_dtype|implementation)/;

const forwardKeys = new Set(KEYS);

/**
 * Flags that are on if they are missing, so that false is what changes the forward pass, with the value of a causal
 * language model.
 */
export const presumedFlags: Readonly<Record<string, boolean>> = { is_causal: true };

/**
 * Returns true if a key has the value that says nothing: one for a multiplier, zero experts, full attention everywhere.
 */
export function isNeutral(key: string, value: unknown): boolean {
  if (value === 1) return /(_multiplier|_scale|_scaling|_factor|_pct|_percentage|_mod|_emb)$/.test(key);
  if (value === 0) return /(^|_)experts?(_|$)|^num_kv_shared_layers$|softcap/.test(key);
  return key === 'layer_types' && Array.isArray(value) && value.every((type) => type === 'full_attention');
}

/** Returns true for a key that changes the forward pass of some architecture. */
export function changesForward(key: string): boolean {
  return forwardKeys.has(key) || (FAMILIES.test(key) && !OF_TRAINING.test(key));
}
